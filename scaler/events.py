"""Planned events put into a forecast. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scaler.observation import PoolForecast


@dataclass(frozen=True, slots=True)
class Event:
    """In [start, end) the demand is `factor` times what is forecast, or `rate_rows_per_s`, whichever is given."""

    name: str
    start_s: float
    end_s: float
    factor: float | None = None
    rate_rows_per_s: float | None = None


def planned(forecast: PoolForecast, events: Sequence[Event], now_s: float) -> PoolForecast:
    """The forecast with its events. A step that an event covers in part takes that part of it."""
    starts = now_s + forecast.step_s * np.arange(forecast.paths_rows_per_s.shape[1])
    paths, names = forecast.paths_rows_per_s, []
    for event in events:
        until = np.minimum(starts + forecast.step_s, event.end_s)
        share = np.clip((until - np.maximum(starts, event.start_s)) / forecast.step_s, 0.0, 1.0)
        if not share.any():
            continue
        during = paths * event.factor if event.factor is not None else event.rate_rows_per_s
        paths = np.where(share > 0, (1 - share) * paths + share * during, paths)
        names.append(event.name)
    if not names:
        return forecast
    note = f"with the planned {', '.join(names)}"
    return replace(forecast, paths_rows_per_s=paths, note="; ".join(part for part in (forecast.note, note) if part))
