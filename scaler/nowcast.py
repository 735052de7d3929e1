"""The forecast brought up to the present: what the last tick says about the time ahead. PURE.

A forecast is as old as the forecaster's step, the routers' last reading is not. Sample paths that say what the last
tick should have brought are moved by what it did bring: an ensemble Kalman filter of one observation, without
perturbations (Whitaker & Hamill, Monthly Weather Review 130, 2002). How far a surprise persists is what the paths
themselves say of it: the slope of a later step on the present one. A burst that lies outside of all that the paths
know persists fully: nothing in the past says how it will end, so it is believed until the next reading. Its level does,
not the surprise: a spike that comes a minute early is not one more spike on top of the one that was due.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from scaler.observation import PoolForecast
from scaler.wording import figure

ORDINARY = 2.0
"""Surprises of up to so many standard deviations persist as the paths say …"""
UNHEARD_OF = 4.0
"""… the level that those of so many and more, upwards, bring persists until the paths say more."""


@lru_cache(maxsize=1)  # planners that share a forecast, as a sweep's do, ask one after the other
def nowcast(forecast: PoolForecast, demand_rows_per_s: float, tick_s: float) -> PoolForecast:
    """The forecast given what was offered in the last tick; unchanged where it doesn't say what that should have been.

    Counting noise is Poisson's: the mean of a tick has the variance rate / tick.
    """
    present = forecast.present_rows_per_s
    if present is None:
        return forecast
    paths = forecast.paths_rows_per_s
    expected = float(present.mean())
    surprise = demand_rows_per_s - expected
    known = present - expected
    spread = float(known @ known) / len(known)
    noise = max(demand_rows_per_s, expected, 1e-9) / tick_s
    inflated = max(spread, surprise * surprise - noise)
    gain = inflated / (inflated + noise)
    slope = np.clip(known @ paths / (len(known) * spread), 0.0, 1.0) if spread > 1e-12 else np.ones(paths.shape[1])
    narrowed = spread / (spread + noise) / (1.0 + np.sqrt(noise / (spread + noise)))
    moved = paths + gain * surprise * slope - narrowed * np.outer(known, slope)
    strange = (surprise / np.sqrt(spread + noise) - ORDINARY) / (UNHEARD_OF - ORDINARY)
    level = expected + gain * surprise
    moved = moved + min(max(strange, 0.0), 1.0) * np.maximum(0.0, level - moved.mean(axis=0))
    note = forecast.note
    if strange > 0.0:
        said = f"{figure(demand_rows_per_s)} rows/s came where {figure(expected)} were expected: paths moved up"
        note = f"{note}; {said}" if note else said
    return replace(forecast, paths_rows_per_s=np.maximum(moved, 0.0), note=note)
