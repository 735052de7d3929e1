"""One fit, as a process of its own runs it: reads what it learns from out of the file, and returns bytes."""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from forecaster import calendars, model, state
from forecaster.database import Database
from forecaster.demand import DemandReader
from forecaster.events import Events
from forecaster.history import History
from forecaster.launch import OWN_CYCLES, Lender, Shape, borrowed
from forecaster.series import SETTLED_S
from tidegate.shared.errors import InvalidRequest, NoData, NotFound
from tidegate.shared.values import DemandSeries

CALENDAR_AHEAD_S = 400 * 86_400.0
"""How far ahead of a fit its calendar reaches: further than any fit serves."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What shall be fitted: everything that a process which shares nothing but the file must be told.

    `lenders` are those whose shape may be borrowed, the likeliest first; errors are measured up to `horizon_s` (None:
    the default number of steps), and at least to the furthest horizon asked for, `asked_s`.
    """

    path: Path
    model: str
    now_s: float
    step_s: float | None
    stale_s: float
    horizon_s: float | None = None
    asked_s: float = 0.0
    slow: bool = False
    time_zone: str = "UTC"
    country: str = ""
    lenders: tuple[Lender, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """The fitted model as bytes, and what it cost."""

    state: bytes
    seconds: float


def run(fit: Fit) -> Fitted:
    """Read, fit, pack. Raises SeriesNotFound, NoData."""
    began = time.perf_counter()
    database = _opened(fit.path)
    reader = DemandReader(History(database), fit.step_s, fit.stale_s)
    demand, shapes = _learned(reader, fit)
    fitted = model.fit(
        demand,
        calendar=calendars.build(
            fit.time_zone,
            fit.country,
            Events(database).of(fit.model),
            min(one.start_s for one in (demand, *(shape.demand for shape in shapes))),
            demand.end_s + CALENDAR_AHEAD_S,
        ),
        horizon_s=max(fit.horizon_s or model.DEFAULT_HORIZON_STEPS * demand.step_s, fit.asked_s),
        slow=fit.slow,
        shapes=shapes,
    )
    return Fitted(state.dump(fitted), time.perf_counter() - began)


def _learned(reader: DemandReader, fit: Fit) -> tuple[DemandSeries, tuple[Shape, ...]]:
    """What is learned from, and what may be borrowed.

    A launch has few steps and so fine ones, in which nobody's day would fit into what is learned from: where a shape
    can be borrowed at the step of the likeliest lender, that is the launch's step, too. Raises SeriesNotFound, NoData.
    """
    own = _settled(reader.learned(fit.model, fit.now_s), fit.now_s)
    seen_s = own.step_s * len(own.rate_rps)
    lenders = [one for one in fit.lenders if seen_s < OWN_CYCLES * one.season_s]
    if not lenders:
        return own, ()
    with suppress(NoData, InvalidRequest):  # its first step of that length is not over, or the lender's is none of its
        coarse = _settled(reader.learned(fit.model, fit.now_s, max(own.step_s, lenders[0].step_s)), fit.now_s)
        shapes = tuple(_shapes(reader, lenders, fit.now_s, coarse.step_s))
        if borrowed(coarse, shapes)[1]:
            return coarse, shapes
    return own, tuple(_shapes(reader, lenders, fit.now_s, own.step_s))


def _settled(demand: DemandSeries, now_s: float) -> DemandSeries:
    """Without the last steps, unless they are most of it: a correction of them would age the fit at once."""
    young = int(np.ceil((demand.end_s - (now_s - SETTLED_S)) / demand.step_s - 1e-9))
    settled = demand.rate_rps[: max(0, len(demand.rate_rps) - max(young, 0))]
    enough = 2 * np.isfinite(settled).sum() >= max(np.isfinite(demand.rate_rps).sum(), 1)
    return replace(demand, rate_rps=settled) if enough else demand


def _shapes(reader: DemandReader, lenders: Iterable[Lender], now_s: float, step_s: float) -> Iterator[Shape]:
    for one in lenders:
        with suppress(NoData, NotFound, InvalidRequest):  # forgotten meanwhile, or of a step that doesn't go with it
            yield Shape(reader.learned(one.model, now_s, step_s), one.season_s)


@lru_cache(maxsize=1)
def _opened(path: Path) -> Database:
    return Database(path)
