"""When an open-loop generator sends. PURE."""

import numpy as np

from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import FloatArray


def poisson_times(rate_rps: FloatArray, step_s: float, rng: np.random.Generator) -> FloatArray:
    """Arrival times, rising, of a Poisson process whose rate is `rate_rps[i]` over [i·step, (i+1)·step).

    Conditioned on its count, a Poisson process' arrivals in an interval of constant rate are uniform there.
    Raises InvalidRequest for a rate that is negative or not finite.
    """
    rate_rps = np.asarray(rate_rps, dtype=float)
    if not np.all(np.isfinite(rate_rps) & (rate_rps >= 0)):
        raise InvalidRequest("a rate is negative or not finite")
    counts = rng.poisson(rate_rps * step_s)
    steps = np.repeat(np.arange(len(rate_rps)), counts)
    return np.sort((steps + rng.random(len(steps))) * step_s)


def steady(rate_rps: float, duration_s: float, rng: np.random.Generator) -> FloatArray:
    """Poisson arrivals at one rate. Raises InvalidRequest for a rate or a duration that is not above zero."""
    for name, value in (("rate", rate_rps), ("duration", duration_s)):
        if not value > 0:
            raise InvalidRequest(f"the {name} is {value}; it must be above 0")
    return poisson_times(np.array([rate_rps]), duration_s, rng)
