"""What the next hour is going to ask for, as the forecast stands: for people, nothing is decided by it. PURE."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scaler.demand import pool_forecast
from scaler.observation import Lead, Observation, PoolForecast, PoolSpec
from scaler.risk import choose, planning_rate
from tidegate.shared.values import Forecast

AHEAD_S = 3600.0
STEP_S = 60.0
SLOT_S = 300.0
EVERY_S = 60.0
"""An hour's forecast is looked at this often: it costs more than the window's, and changes slowly."""


@dataclass(frozen=True, slots=True)
class Slot:
    """SLOT_S from `at_s` on (epoch seconds): the replicas worth having there, and the highest demand in it."""

    at_s: float
    replicas: int
    peak_p50_rows_per_s: float
    peak_p95_rows_per_s: float


def hour_ahead(
    forecasts: Mapping[str, Forecast], cost_rows: Mapping[str, float], demand_rps: Mapping[str, float], now_s: float
) -> PoolForecast | None:
    """The pool's demand over the next hour, a minute at a time; None without any forecast."""
    return pool_forecast(forecasts, cost_rows, demand_rps, now_s, AHEAD_S, STEP_S, STEP_S)


def outlook(spec: PoolSpec, observation: Observation, ahead: PoolForecast) -> tuple[Slot, ...]:
    """Slot by slot what the planner would have there, were its replicas ready when the slot begins."""
    there = replace(
        observation,
        tick_s=SLOT_S,
        ready=0,
        starting_ready_in_s=(),
        lead=Lead(0.0, "there"),
        outstanding_rows=0.0,
    )
    steps = round(SLOT_S / ahead.step_s)
    slots = []
    for first in range(0, ahead.paths_rows_per_s.shape[1], steps):
        slot = replace(ahead, paths_rows_per_s=ahead.paths_rows_per_s[:, first : first + steps])
        p50, p95 = np.quantile(slot.paths_rows_per_s.max(axis=1), (0.5, 0.95))
        near = math.ceil(p95 / planning_rate(spec, there))
        wanted = choose(spec, there, slot, near).replicas
        replicas = min(spec.max_replicas, max(spec.min_replicas, wanted))
        slots.append(Slot(observation.now_s + first * ahead.step_s, replicas, float(p50), float(p95)))
    return tuple(slots)
