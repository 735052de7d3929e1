"""One policy's settings file for `tidegate up`, on free ports and in a folder of its own."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.demo.models import SCALED, repository_of
from tidegate.demo.pace import (
    BATCH_S,
    HPA,
    REPLICA_ROWS_PER_S,
    SLO_LATENCY_S,
    STARTUP_S,
    TARGET_OUTSTANDING_ROWS,
)
from tidegate.shared.toml import to_toml

POOL = "digits"
MAX_REPLICAS = 6
MODE_OF = {"hpa": "hpa", "predictive": "auto"}
"""The pool's mode of each policy: in `hpa` nothing of ours decides."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Where one policy's services listen and keep their files."""

    folder: Path
    router: str
    admin: str
    forecaster: str
    scaler: str

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.folder / "tidegate.toml"

    @property
    def logs(self) -> Path:
        """Folder of the services' logs."""
        return self.folder / "logs"


def prepare(folder: Path, models: Path, policy: str, min_replicas: int) -> Stack:
    """A fresh folder with the settings file of one policy."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.sqlite*"), *folder.glob("logs/*.log")):
        old.unlink()
    stack = Stack(folder, *_free_addresses(4))
    stack.config.write_text(to_toml(settings_tables(stack, models, policy, min_replicas)))
    return stack


def settings_tables(stack: Stack, models: Path, policy: str, min_replicas: int) -> dict[str, dict[str, Any]]:
    """The four tables of the settings file."""
    pool = {
        "name": POOL,
        "models": [SCALED],
        "min_replicas": min_replicas,
        "max_replicas": MAX_REPLICAS,
        "mode": MODE_OF[policy],
        "slo_latency_s": SLO_LATENCY_S,
        "target_outstanding_rows": TARGET_OUTSTANDING_ROWS,
        "prior_capacity_rows_per_s": REPLICA_ROWS_PER_S,
        "prior_lead_s": STARTUP_S,
        "hpa": dict(HPA),
    }
    return {
        "router": {"listen": stack.router, "admin": stack.admin, "health_interval_s": 0.5},
        # One thread a replica: all of them share two cores with the router and the load generator.
        "model_server": {
            "models": repository_of(models, SCALED).resolve(),
            "device": "auto",
            "threads": 1,
            "rehearse_batch_s": BATCH_S,
            "rehearse_startup_s": STARTUP_S,
            "lame_duck_s": 1.0,
        },
        "forecaster": {
            "listen": stack.forecaster,
            "routers": [stack.admin],
            "history": (stack.folder / "history.sqlite").resolve(),
            "step_s": 1.0,
        },
        "scaler": {
            "listen": stack.scaler,
            "forecaster": stack.forecaster,
            "routers": [stack.admin],
            "store": (stack.folder / "scaler.sqlite").resolve(),
            "executor": "local",
            "logs": stack.logs.resolve(),
            "tick_s": 1.0,
            "pools": [pool],
        },
    }


def _free_addresses(count: int) -> list[str]:
    """Loopback addresses that are free now, all different as they are held until the last is found."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes]
    for probe in probes:
        probe.close()
    return addresses
