"""What is observed, and the check that it makes sense. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecaster.series import FINEST_STEP_S
from tidegate.shared.errors import InvalidSeries
from tidegate.shared.times import LATEST_S
from tidegate.shared.values import FloatArray

AHEAD_S = 60.0
"""How far the observer's clock may be ahead of ours. What ends later was not observed, but is in another unit or zone,
and would stand in the series' way until then."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """Rates of one source from `start_s` (a multiple of `step_s`) on; NaN is missing."""

    model: str
    source: str
    start_s: float
    step_s: float
    rate_rps: FloatArray


def checked(
    model: str, source: str, start_s: float, step_s: float, rate_rps: Sequence[float], *, now_s: float
) -> Observation:
    """An observation that makes sense at `now_s`. Raises InvalidSeries naming the field and the value."""
    if not model:
        raise InvalidSeries("model is empty: say which model's demand this is")
    if not source:
        raise InvalidSeries("source is empty: say who observed it, a router's id or 'import'")
    if not 0.0 < step_s < np.inf:
        raise InvalidSeries(f"step_s is {step_s:g}: it must be over 0")
    if step_s < FINEST_STEP_S:
        raise InvalidSeries(f"step_s is {step_s:g}: it must be {FINEST_STEP_S:g} at least")
    if not 0.0 <= start_s < LATEST_S:
        raise InvalidSeries(f"start_s is {start_s:g}: it must be epoch seconds")
    if abs(start_s / step_s - round(start_s / step_s)) > 1e-6:
        raise InvalidSeries(f"start_s is {start_s:.3f}: it must be a multiple of step_s, {step_s:g}")
    ahead_s = start_s + len(rate_rps) * step_s - now_s
    if ahead_s > AHEAD_S + step_s:
        raise InvalidSeries(
            f"start_s is {start_s:.3f}: with its {len(rate_rps)} values of rate_rps the series ends {ahead_s:.0f} s "
            "after now; only the past can be observed (is the time in UTC?)"
        )
    rates = np.array(rate_rps, dtype=float)
    wrong = np.flatnonzero((rates < 0) | np.isinf(rates))
    if len(wrong):
        place = int(wrong[0])
        raise InvalidSeries(f"rate_rps[{place}] is {rates[place]:g}: it must be finite and not negative (NaN: missing)")
    return Observation(model, source, start_s, step_s, rates)
