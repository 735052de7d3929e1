"""The fitted models that answers come from: taken from the file, filtered forward, corrected by events.

Whatever may block (the file, a model's arithmetic) is a plain function here, called in a thread; a series' lock keeps
two of them from filtering the same model at once.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog

from forecaster import calendars, state
from forecaster.calendar import Calendar
from forecaster.database import Database
from forecaster.demand import DemandReader
from forecaster.events import ANY, Events, KeptEvent
from forecaster.history import History
from forecaster.metrics import Metrics
from forecaster.model import FittedModel
from forecaster.observations import Observation
from forecaster.saved_fits import SavedFits
from forecaster.serving import Series, SeriesInfo, info
from forecaster.settings import ForecasterSettings
from tidegate.shared.errors import InvalidRequest, NoData, NotFound
from tidegate.shared.values import DemandSeries

GRACE_S = 60.0
"""Time after a start in which a kept fit is loaded before the series counts as unfitted."""

OVERLAP_S = 5.0
"""Fits are looked for from so long before the last that was seen: two that end together are not kept in their order."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Shelf:
    """Every series by its model's name."""

    def __init__(self, database: Database, settings: ForecasterSettings, metrics: Metrics, now_s: float) -> None:
        self._history = History(database)
        self._saved = SavedFits(database)
        self._kept_events = Events(database)
        self._settings = settings
        self._metrics = metrics
        self.reader = DemandReader(self._history, settings.step_s, settings.stale_s)
        self.series = {name: Series(name) for name in self._history.models()}
        self._events: tuple[KeptEvent, ...] = tuple(self._kept_events.kept())
        kept = self._saved.saved_since(0.0)
        self._seen_s = kept[-1][1] if kept else 0.0
        for name, _ in kept:
            self.get(name).due_s = now_s + GRACE_S

    def get(self, name: str) -> Series:
        """The series of a model, made when there is none yet."""
        return self.series.setdefault(name, Series(name))

    def has_learned(self, one: Observation) -> bool:
        """Whether what is observed here would change a past that was taken in for good."""
        found = self.series.get(one.model)
        return found is not None and found.learned(one.start_s)

    def known(self, name: str) -> Series:
        """The series of a model that demand was observed of; another's name makes none. Raises SeriesNotFound."""
        found = self.series.get(name)
        if found is None:
            self._history.span(name)  # says which there are
            found = self.get(name)
        return found

    def calendar(self, demand: DemandSeries, ahead_s: float) -> Calendar:
        """What the calendar says of this demand and the time after it: local time, holidays, the model's events."""
        settings, events = self._settings, self._kept_events.of(demand.model)
        until_s = demand.end_s + ahead_s
        return calendars.build(settings.time_zone, settings.holidays_country, events, demand.start_s, until_s)

    def answer(self, series: Series, now_s: float, ask: Callable[[FittedModel], T]) -> T:
        """What the model says as of now. Raises NoData when nothing was observed for too long.

        A model that fails is counted and dropped, to be fitted anew: it never passes for a sound one.
        """
        return self._guarded(series, lambda: ask(self._fresh(series, now_s)))

    def update(self, names: Sequence[str], now_s: float) -> None:
        """Have these series take in for good what is old enough, whether anyone asks or not."""
        for name in names:
            series = self.series.get(name)
            if series is None:
                continue  # forgotten meanwhile
            if series.settled is None:
                self.load(series)
            if not series.settles(now_s):
                continue
            try:
                self._guarded(series, partial(self._settle, series, now_s))
            except (NoData, NotFound):
                continue  # said to whoever asks
            except Exception as error:
                _log.warning("a model failed and is fitted anew", model=name, exc_info=error)

    def load(self, series: Series) -> None:
        """Serve the kept fit, where there is one that says something about now."""
        saved = self._saved.load(series.model)
        if saved is None:
            return
        try:
            fitted = state.load(saved.state)
            silence_s = self._history.span(series.model).last_s - fitted.end_s
        except (NotFound, ValueError) as error:
            _log.info("a kept fit is not taken up", model=series.model, why=str(error))
            series.due_s = 0.0  # rather than after the grace that a fit which can be read would have
            return
        if silence_s <= self._settings.stale_s:
            # An event may have been planned, or given up, since that fit began.
            series.serve(fitted.with_events(self._kept_events.of(series.model)), saved.saved_at_s)
            series.fitted_at(saved.saved_at_s, self._settings.refit_s)

    def take_saved(self) -> None:
        """Take up the series, fits and events that the leader has kept since the last look."""
        for name in self._history.models():
            self.get(name).tellings += 1
        for name, saved_at_s in self._saved.saved_since(self._seen_s - OVERLAP_S):
            self._seen_s = max(self._seen_s, saved_at_s)
            series = self.get(name)
            if series.settled is not None and saved_at_s > series.saved_at_s:
                self.load(series)
        self.take_events()

    def forget_gone(self) -> set[str]:
        """Drop the fits of series of which the history keeps nothing any more; returns their names. Raises NotReady."""
        mine = set(self.series)  # looked at before the history: what comes in between is in neither
        gone = mine - set(self._history.models())
        for name in gone:
            self._saved.forget(name)
        return gone

    def take_events(self) -> None:
        """Put the events as they are kept now into the forecasts of the models whose events have changed."""
        before, self._events = self._events, tuple(self._kept_events.kept())
        changed = {one.model for one in set(before) ^ set(self._events)}
        for series in self.series.values():
            if series.settled is not None and (ANY in changed or series.model in changed):
                mine = self._kept_events.of(series.model)
                series.serve(series.settled.with_events(mine), series.saved_at_s)
                series.stale = True  # those of the past are learned from anew

    def info(self, name: str, now_s: float) -> SeriesInfo | None:
        """The line of a series in the list; None when nothing is known of it."""
        series = self.series.get(name)
        if series is None:
            return None
        if series.settled is None and not series.failure:
            self.load(series)  # just started: nobody has asked yet
        try:
            span = self._history.span(name)
            demand = self.reader.learned(name, now_s, series.settled.step_s if series.settled else None)
        except (NoData, NotFound):
            return None
        except InvalidRequest as error:  # sources whose steps don't go together: it must not hide the other series
            unknown = float("nan")
            return SeriesInfo(name, 0.0, span.first_s, span.last_s, unknown, unknown, failure=str(error))
        return info(series, demand, span.first_s, span.last_s)

    def _guarded(self, series: Series, work: Callable[[], T]) -> T:
        try:
            return work()
        except (InvalidRequest, NoData, NotFound):
            raise
        except Exception as error:
            self._metrics.failures.labels(series.model, "forecast").inc()
            series.fail(f"{type(error).__name__}: {error}")
            raise

    def _settle(self, series: Series, now_s: float) -> None:
        with series.lock:
            series.settle(self._recent(series, now_s), now_s)

    def _fresh(self, series: Series, now_s: float) -> FittedModel:
        with series.lock:
            tellings = series.tellings  # those that come while it is read are read the next time
            return series.current(now_s) or series.advance(self._recent(series, now_s), now_s, tellings)

    def _recent(self, series: Series, now_s: float) -> DemandSeries:
        """What came since the model's settled end."""
        settled = series.settled
        if settled is None:
            raise NoData(f"model {series.model!r}: its last fit failed ({series.failure}); it is being fitted anew")
        span = self.reader.current(series.model, now_s)
        if span.last_s - settled.end_s > self._settings.stale_s:
            series.fail("demand came again after a long silence")
            raise NoData(f"model {series.model!r}: demand came again after a long silence; it is being fitted anew")
        return self.reader.between(series.model, span, settled.end_s, now_s, settled.step_s)
