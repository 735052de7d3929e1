"""What one model's forecasts are served from, and which of two fits shall serve."""

import asyncio
from dataclasses import dataclass, field

from forecaster.model import FittedModel, refit_after_s


@dataclass(slots=True)
class Series:
    """One model's fit and its age. `horizon_s` is the furthest that anyone has asked for."""

    model: str
    fitted: FittedModel | None = None
    fitted_at_s: float = 0.0
    fit_seconds: float = 0.0
    slow: bool = False
    slow_running: bool = False
    stale: bool = False
    horizon_s: float = 0.0
    fitting: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """One line of the list of series."""

    model: str
    step_s: float
    first_s: float
    last_s: float
    last_rate_rps: float
    missing_fraction: float
    seasons_s: tuple[float, ...]


def is_better(fitted: FittedModel, slow: bool, than: Series) -> bool:
    """Whether a fit that has just ended shall serve. One with the slow members may be older: it is filtered forward."""
    serving = than.fitted
    if serving is None or fitted.step_s != serving.step_s:
        return True
    if slow:
        return fitted.end_s >= serving.end_s - 2.0 * refit_after_s(serving)
    return fitted.end_s > serving.end_s if than.slow else fitted.end_s >= serving.end_s
