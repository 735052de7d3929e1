"""A pool that is wished for no longer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from scaler.controller import Controller
from scaler.decision import Decision
from scaler.events import Event
from scaler.fleet import FleetView
from scaler.metrics import Metrics
from scaler.overrides import Override
from scaler.readings import BackendReading, RouterReading
from scaler.settings import PoolSettings, ScalerSettings
from scaler.store import Store
from tidegate.shared.values import Forecast

POOLS = {name: PoolSettings(name=name, models=("m",)) for name in ("goes", "stays")}


class SilentRouters:
    async def read(self) -> list[RouterReading | None]:
        return [None]

    async def expect(self, pool: str, models: Sequence[str], ready_in_s: float | None, valid_s: float) -> None:
        return None


class NoForecasts:
    async def read(
        self, models: Sequence[str], horizon_s: float, window_s: float
    ) -> tuple[dict[str, Forecast], dict[str, str]]:
        return {}, {"m": "none"}

    async def plan_events(self, pool: str, events: Sequence[Event]) -> str:
        return ""


class Wished:
    """An executor whose pools the test wishes for; each tick a replica of each has become ready after 30 s."""

    acts = leads = True

    def __init__(self) -> None:
        self.wished = POOLS

    def pools(self) -> Mapping[str, PoolSettings]:
        return self.wished

    def overrides(self, pool: str) -> Sequence[Override]:
        return ()

    async def override(self, pool: str, override: Override) -> None:
        raise AssertionError("nobody overrides")

    async def refresh(self, now_s: float) -> None:
        return None

    def view(self, pool: str, now_s: float, backends: Mapping[str, BackendReading] | None) -> FleetView:
        return FleetView(1, (), 0, leads_s=(30.0,), died_starting=1)

    async def apply(self, decision: Decision, now_s: float) -> None:
        return None

    async def close(self) -> None:
        return None


def figures(registry: CollectorRegistry, pool: str) -> set[str]:
    """Names of the metrics that say something of a pool."""
    return {one.name for metric in registry.collect() for one in metric.samples if one.labels.get("pool") == pool}


async def test_takes_its_figures_out_of_the_metrics_and_starts_anew_when_it_returns(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    metrics, executor = Metrics(registry), Wished()
    store = Store(tmp_path / "scaler.sqlite", metrics.lost_write)
    settings = ScalerSettings(pools=tuple(POOLS.values()))
    controller = Controller(settings, SilentRouters(), NoForecasts(), executor, store, metrics, lambda: 1000.0)
    await controller.tick()
    everything = figures(registry, "goes")
    assert {"tidegate_scaler_desired_replicas", "tidegate_scaler_term_replicas"} <= everything
    assert {"tidegate_scaler_plans_total", "tidegate_scaler_startup_seconds_bucket"} <= everything

    executor.wished = {"stays": POOLS["stays"]}
    await controller.tick()
    assert figures(registry, "goes") == set()
    assert figures(registry, "stays") == everything

    executor.wished = POOLS
    await controller.tick()
    plans = {pool: registry.get_sample_value("tidegate_scaler_plans_total", {"pool": pool}) for pool in POOLS}
    assert plans == {"goes": 1.0, "stays": 3.0}
    store.close()
