"""What is observed, and the check that it makes sense. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecaster.names import LONGEST_NAME, is_name
from forecaster.series import FINEST_STEP_S, MAX_RATE_RPS
from tidegate.shared.errors import InvalidSeries
from tidegate.shared.times import LATEST_S
from tidegate.shared.values import FloatArray

AHEAD_S = 60.0
"""How far the observer's clock may be ahead of ours. What ends later was not observed, but is in another unit or zone,
and would stand in the series' way until then."""

COARSEST_STEP_S = 86_400.0
"""Coarser steps say nothing of what the next hours bring."""


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
    _check_name("model", model, "say which model's demand this is")
    _check_name("source", source, "say who observed it, a router's id or 'import'")
    if not FINEST_STEP_S <= step_s <= COARSEST_STEP_S:
        raise InvalidSeries(f"step_s is {step_s:g}: it must lie within {FINEST_STEP_S:g} and {COARSEST_STEP_S:.0f}")
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
    wrong = np.flatnonzero((rates < 0) | (rates > MAX_RATE_RPS))
    if len(wrong):
        place = int(wrong[0])
        raise InvalidSeries(
            f"rate_rps[{place}] is {rates[place]:g}: it must lie within 0 and {MAX_RATE_RPS:g} (NaN: missing)"
        )
    return Observation(model, source, start_s, step_s, rates)


def _check_name(field: str, name: str, why: str) -> None:
    if not name:
        raise InvalidSeries(f"{field} is empty: {why}")
    if not is_name(name):
        shown = repr(name) if len(name) <= LONGEST_NAME else f"{name[:20]!r}…"
        raise InvalidSeries(f"{field} is {shown}: it must be printable, and {LONGEST_NAME} characters long at most")
