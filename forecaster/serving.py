"""What one model's forecasts are served from, and the step from one state to the next."""

import asyncio
import threading
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from forecaster.model import FittedModel, refit_after_s
from forecaster.series import SETTLED_S
from tidegate.shared.values import DemandSeries, FloatArray, Forecast, Skill

FIRST_FIT_AGAIN_S = 5.0
"""A series without any fit is tried again after this."""

SETTLE_EVERY_S = 30.0
"""Fine steps are taken in for good several at a time, which costs no more than one; an answer knows them anyhow."""

MOST_ANSWERS = 16
"""Answers kept of one state."""


@dataclass(slots=True)
class Series:
    """One model's fit and its age.

    `settled` has taken in what can't change any more; `fresh` is the same filtered forward to the last whole step, by
    what was known after so many `tellings`. `horizon_s` is the furthest that anyone has asked for, `failure` why the
    last fit failed, `due_s` when the next is.
    """

    model: str
    settled: FittedModel | None = None
    fresh: FittedModel | None = None
    tellings: int = 0
    saved_at_s: float = 0.0
    fit_seconds: float = 0.0
    failure: str = ""
    stale: bool = False
    due_s: float = 0.0
    horizon_s: float = 0.0
    fitting: asyncio.Lock = field(default_factory=asyncio.Lock)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _read: int = -1
    _since: FittedModel | None = None
    _young: FloatArray = field(default_factory=lambda: np.zeros(0))
    _answers: tuple[FittedModel | None, dict[Hashable, Forecast]] = (None, {})

    def serve(self, fitted: FittedModel, saved_at_s: float) -> None:
        """Take a new fit, kept in the file at that time."""
        with self.lock:
            self.settled, self.fresh, self.failure = fitted, None, ""
            self.saved_at_s = saved_at_s

    def fail(self, why: str) -> None:
        """Drop a fit that can't answer, and have another made at once."""
        self.settled, self.fresh, self.failure, self.due_s = None, None, why, 0.0

    def current(self, now_s: float) -> FittedModel | None:
        """The model filtered forward to the last whole step before `now_s`; None when something must be read first."""
        fresh = self.fresh
        if fresh is None or self._read != self.tellings or now_s >= fresh.end_s + fresh.step_s:
            return None
        return fresh

    def answered(self, model: FittedModel | None, question: Hashable) -> Forecast | None:
        """What this very state of the model has answered to this, if it has: scalers ask the same again and again."""
        answered_by, answers = self._answers
        return answers.get(question) if model is not None and model is answered_by else None

    def keep_answer(self, model: FittedModel, question: Hashable, answer: Forecast) -> None:
        """Keep what this very state of the model has answered."""
        answered_by, answers = self._answers
        if answered_by is not model or len(answers) >= MOST_ANSWERS:
            answers = {}
        self._answers = (model, {**answers, question: answer})

    def settles(self, now_s: float) -> bool:
        """Whether enough has become so old that it can be taken in for good."""
        settled = self.settled
        return settled is not None and now_s - SETTLED_S >= settled.end_s + max(settled.step_s, SETTLE_EVERY_S)

    def settle(self, recent: DemandSeries, now_s: float) -> FloatArray:
        """Take in for good what came since the settled end (`recent` starts there) and is old; returns the young rest.

        Hold `lock`.
        """
        settled = self.settled
        assert settled is not None
        rates = recent.rate_rps[round((settled.end_s - recent.start_s) / settled.step_s) :]
        old = max(0, min(len(rates), int((now_s - SETTLED_S - settled.end_s) / settled.step_s)))
        if old:
            self.settled = settled.update(rates[:old])
        return rates[old:]

    def advance(self, recent: DemandSeries, now_s: float, tellings: int) -> FittedModel:
        """The model filtered forward over all that came since the settled end, as told till then. Hold `lock`.

        Where nothing is new it is the very model of before, whose answers still hold.
        """
        young = self.settle(recent, now_s)
        settled = self.settled
        assert settled is not None
        same = self._since is settled and np.array_equal(young, self._young, equal_nan=True)
        if self.fresh is None or not same:
            self.fresh = settled.update(young) if len(young) else settled
        self._read, self._since, self._young = tellings, settled, young
        return self.fresh

    def learned(self, start_s: float) -> bool:
        """Whether what is observed from `start_s` on would change the past that was taken in for good."""
        return self.settled is not None and start_s < self.settled.end_s - 1e-6

    def told(self, start_s: float) -> None:
        """Something new was observed from `start_s` on: before the settled end a fit learns it."""
        if self.fresh is not None and start_s < self.fresh.end_s - 1e-6:
            self.tellings += 1  # of a step that is over; what is in the open one is read when that is
        if self.learned(start_s):
            self.stale = True

    def asked_for(self, furthest_s: float) -> None:
        """Somebody wants to know so far ahead: errors are measured that far from the next fit on."""
        if furthest_s > self.horizon_s:
            self.horizon_s = furthest_s
            settled = self.settled
            if settled is not None and furthest_s > settled.calibration.horizon * settled.step_s:
                self.stale = True

    def fitted_at(self, now_s: float, refit_s: float | None) -> None:
        """A fit has ended, or has failed, at `now_s`: say when the next is due."""
        ages_s = FIRST_FIT_AGAIN_S if self.settled is None else refit_s or refit_after_s(self.settled)
        self.due_s = now_s + ages_s


NOT_JUDGED = Skill()


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """One line of the list of series."""

    model: str
    step_s: float
    first_s: float
    last_s: float
    last_rate_rps: float
    missing_fraction: float
    seasons_s: tuple[float, ...] = ()
    fitted_at_s: float = 0.0
    skill: Skill = NOT_JUDGED
    drift: float = 1.0
    basis: str = ""
    failure: str = ""


def info(series: Series, demand: DemandSeries, first_s: float, last_s: float) -> SeriesInfo:
    """The line of a series. `demand` is what is learned from."""
    known = demand.rate_rps[np.isfinite(demand.rate_rps)]
    fitted = series.settled
    common = (
        series.model,
        demand.step_s,
        first_s,
        last_s,
        float(known[-1]) if len(known) else float("nan"),
        1.0 - len(known) / max(1, len(demand.rate_rps)),
    )
    if fitted is None:
        return SeriesInfo(*common, failure=series.failure)
    return SeriesInfo(
        *common,
        seasons_s=fitted.seasons_s,
        fitted_at_s=fitted.fitted_at_s,
        skill=fitted.calibration.record.skill(fitted.calibration.horizon),
        drift=fitted.health().drift,
        basis=fitted.basis,
        failure=series.failure,
    )
