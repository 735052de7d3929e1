"""`tidegate up` scales a pool from one replica to four and back under load; no request is lost."""

import asyncio
from pathlib import Path

import numpy as np

from tests.support.processes import free_address, started
from tests.support.stack import MODEL, drive, ready_replicas, wait_for_replicas, write_echo
from tidegate.client.results import summarize
from tidegate.client.schedule import poisson_times
from tidegate.shared.toml import to_toml

CAPACITY_ROWS_PER_S = 40.0
PHASES_S = (3.0, 14.0, 14.0)
RATES_RPS = (10.0, 130.0, 5.0)
"""One replica's worth, then four's, then one's."""


def write_config(folder: Path) -> tuple[Path, str, str]:
    """A pool that follows its demand (by a faster clock), so that what happens follows from the load alone."""
    router, admin, forecaster, scaler = (free_address() for _ in range(4))
    pool = {
        "name": "echo",
        "models": [MODEL],
        "min_replicas": 1,
        "max_replicas": 4,
        "mode": "shadow",
        "slo_latency_s": 0.5,
        "prior_capacity_rows_per_s": CAPACITY_ROWS_PER_S,
        "prior_lead_s": 3.0,
        "hpa": {"sync_period_s": 0.5, "downscale_stabilization_s": 3.0, "policy_period_s": 0.5},
    }
    tables = {
        "router": {"listen": router, "admin": admin, "health_interval_s": 0.5},
        "model_server": {"models": folder / "models", "rehearse_batch_s": 0.05, "threads": 1, "lame_duck_s": 1.0},
        "forecaster": {"listen": forecaster, "routers": [admin], "history": folder / "history.sqlite"},
        "scaler": {
            "listen": scaler,
            "forecaster": forecaster,
            "routers": [admin],
            "store": folder / "scaler.sqlite",
            "logs": folder / "logs",
            "tick_s": 0.5,
            "pools": [pool],
        },
    }
    config = folder / "tidegate.toml"
    config.write_text(to_toml(tables))
    return config, router, admin


async def test_one_to_four_and_back_under_load(tmp_path: Path) -> None:
    write_echo(tmp_path / "models", max_batch_rows=2)
    config, router, admin = write_config(tmp_path)
    with started(
        ["up", "--config", str(config), "--logs", str(tmp_path / "logs")], tmp_path / "up.log", stop_s=60
    ) as up:
        await asyncio.to_thread(wait_for_replicas, admin, lambda ready: ready == 1)
        rate = np.repeat(RATES_RPS, [int(length) for length in PHASES_S])
        due_s = poisson_times(rate, 1.0, np.random.default_rng(1))
        load = asyncio.create_task(drive(router, due_s))
        most = 0
        while not load.done():
            most = max(most, await asyncio.to_thread(ready_replicas, admin))
            await asyncio.sleep(0.3)
        summary = summarize(load.result())
        assert most == 4
        await asyncio.to_thread(wait_for_replicas, admin, lambda ready: ready == 1)
        assert (summary.sent, summary.failed) == (len(due_s), {})
    assert up.returncode == 0
