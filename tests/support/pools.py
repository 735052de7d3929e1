"""Pools and readings as the planner's tests want them."""

import dataclasses
from typing import Any

import numpy as np

from scaler.observation import Capacity, Lead, Observation, PoolForecast, PoolSpec
from tidegate.shared.values import FloatArray, Skill

GOOD = Skill(origins=50, vs_seasonal_naive=0.3, vs_last_value=0.3, coverage_95=0.95)
SPEC = PoolSpec("p", ("m",), min_replicas=1, max_replicas=20, slo_wait_s=0.5, miss_price=2.0)


def spec(**changes: Any) -> PoolSpec:
    """A pool of 1 to 20 replicas that may keep requests waiting for half a second."""
    return dataclasses.replace(SPEC, **changes)


def forecast(paths: FloatArray | list[list[float]], step_s: float = 10.0, skill: Skill = GOOD) -> PoolForecast:
    """Sample paths in rows/s."""
    return PoolForecast(step_s, np.asarray(paths, dtype=np.float64), skill)


def level(rows_per_s: float, lead_s: float = 60.0, step_s: float = 10.0) -> PoolForecast:
    """A forecast that is sure of a level load, as far ahead as the planner looks."""
    return forecast(np.full((4, round((2 * lead_s + step_s) / step_s)), rows_per_s), step_s)


def observation(**changes: Any) -> Observation:
    """Two ready replicas of 10 rows/s each, 60 s from asked to ready, ticks of 10 s, 10 rows/s offered and served."""
    base = Observation(
        now_s=1000.0,
        tick_s=10.0,
        ready=2,
        starting_ready_in_s=(),
        lead=Lead(60.0, "given"),
        capacity=Capacity(10.0, "given"),
        demand_rows_per_s=10.0,
        served_rows_per_s=10.0,
        outstanding_rows=1.0,
    )
    return dataclasses.replace(base, **changes)
