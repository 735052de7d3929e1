"""How long a replay of ours takes: five days at 15 s ticks, forecaster included."""

import time
from typing import Any

from benchmarks.policies.cases import CASES, DAY_S, load
from benchmarks.policies.measure import terms
from tidegate.simulate.catalogue import choices
from tidegate.simulate.study import study

LOADS = ("worldcup98", "nyctaxi")
STARTUP_S = 120.0
DAYS = 5.0
TARGET_S = 60.0


def speed() -> dict[str, Any]:
    """CPU seconds of `--policy predictive`, the load drawn already; one thread if OMP_NUM_THREADS says so."""
    found = {name: _cpu_s(name) for name in LOADS}
    return {"days": DAYS, "startup_s": STARTUP_S, "target_cpu_s": TARGET_S, "cpu_s": found}


def _cpu_s(name: str) -> float:
    arrived, from_s = load(CASES[name], 0, DAYS * DAY_S)
    began = time.process_time()
    study(arrived, from_s, terms(STARTUP_S), choices("predictive"))
    return round(time.process_time() - began, 1)
