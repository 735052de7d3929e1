"""A running scaler in the test's process. The API server is real; routers and forecaster say what a test wants."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from scaler.controller import Controller
from scaler.events import Event
from scaler.executors.base import Executor
from scaler.kubernetes.start import kubernetes
from scaler.metrics import Metrics
from scaler.readings import BackendReading, ModelReading, RouterReading
from scaler.settings import KubernetesSettings, ScalerSettings
from scaler.store import Store
from tests.kubernetes.kubelet import Kubelet
from tests.support.pools import GOOD
from tidegate.shared.values import BackendStatus, Forecast


class Routers:
    """Sees the pods that the kubelet made ready; offers `demand_rps` to them."""

    def __init__(self, kubelet: Kubelet, pool: str = "digits") -> None:
        self.demand_rps = 5.0
        self.held = 0
        self.outstanding_of: dict[str, int] = {}
        self.drained: list[str] = []
        self.resumed: list[str] = []
        self.acknowledges = True
        self.expected_in_s: float | None = None
        self.on_drain: Callable[[], Awaitable[None]] | None = None
        self._kubelet = kubelet
        self._pool = pool
        self._since = time.time()
        self._total = 0.0

    async def read(self) -> list[RouterReading | None]:
        now = time.time()
        self._total += self.demand_rps * (now - self._since)
        self._since = now
        backends = tuple(
            BackendReading(f"{name}:1", name, self._pool, BackendStatus.READY, self.outstanding_of.get(name, 0))
            for name in sorted(self._kubelet.ready)
        )
        model = ModelReading(0, self.held, 1.0, round(self._total), round(self._total))
        return [RouterReading("r", now, backends, {"m": model})]

    async def expect(self, pool: str, models: Sequence[str], ready_in_s: float | None, valid_s: float) -> None:
        self.expected_in_s = ready_in_s

    async def drain(self, address: str) -> bool:
        if self.on_drain is not None:
            await self.on_drain()
        self.drained.append(address.partition(":")[0])
        return self.acknowledges

    async def resume(self, address: str) -> None:
        self.resumed.append(address.partition(":")[0])

    async def outstanding(self, address: str) -> int:
        return 0


class Forecasts:
    """Sure of `rate_rps(time)`, a second at a time."""

    def __init__(self) -> None:
        self.rate_rps: Callable[[float], float] = lambda _: 5.0
        self.planned: dict[str, Sequence[Event]] = {}

    async def plan_events(self, pool: str, events: Sequence[Event]) -> str:
        self.planned[pool] = events
        return ""

    async def read(
        self, models: Sequence[str], horizon_s: float, window_s: float
    ) -> tuple[dict[str, Forecast], dict[str, str]]:
        now = time.time()
        path = np.array([self.rate_rps(now + second) for second in range(int(horizon_s) + 2)])
        paths = np.tile(path, (8, 1))
        known = Forecast("m", now, now, 1.0, (0.5,), path[None], window_s, path[:1], paths, GOOD, 1e6)
        return {"m": known}, {}


@contextlib.asynccontextmanager
async def running(
    kubeconfig: Path,
    namespace: str,
    routers: Routers,
    forecasts: Forecasts,
    store: Path,
    budget_units: int | None,
    dry_run: bool = False,
    **settings: object,
) -> AsyncIterator[Executor]:
    """The loop with the Kubernetes executor, ticking five times a second."""
    whole = ScalerSettings(
        executor="kubernetes",
        tick_s=0.2,
        budget_units=budget_units,
        dry_run=dry_run,
        kubernetes=KubernetesSettings(
            **{
                "namespace": namespace,
                "kubeconfig": kubeconfig,
                "lease_retry_s": 0.2,
                "request_timeout_s": 2,
                "status_period_s": 1,
                **settings,
            }
        ),
    )
    metrics = Metrics(CollectorRegistry())
    kept = Store(store / "scaler.sqlite")
    executor = await kubernetes(whole.kubernetes, routers, time.time, time.monotonic, dry_run=dry_run)
    controller = Controller(whole, routers, forecasts, executor, kept, metrics, time.time)
    stop = asyncio.Event()
    task = asyncio.create_task(controller.run(stop))
    try:
        yield executor
    finally:
        stop.set()
        await task
        kept.close()
