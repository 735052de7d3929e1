"""Weights, spread and skill of a combination, measured where it did not learn. PURE.

The members are fitted on growing parts of the history (folds) and forecast what follows each part from many
origins; the errors of those forecasts weigh the members, say the spread of each horizon, and give the skill.
Origins stand on an absolute grid of time, so that the paths of two models with histories of one length belong
together.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecaster import conformal, volatility
from forecaster.carried import margin
from forecaster.combine import Weights, combine, weigh
from forecaster.conformal import Widths
from forecaster.idle import Idle, idle
from forecaster.members import FittedMember, Member
from forecaster.record import Record, record_of
from forecaster.registry import SEASONAL_NAIVE, SEASONLESS
from forecaster.smoothing import ewma, robust_scale
from forecaster.spread import FEW, Spread, spread_of
from forecaster.transform import Scale
from forecaster.volatility import Volatility
from tidegate.shared.values import FloatArray, IntArray

FOLDS = 2
ORIGINS = 512
"""Origins to aim at: between this and twice as many where the history allows."""

MIN_POINTS = 24
"""Shorter histories can't be split into a part to learn from and a part to be judged by."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What the folds taught; `tolerance` is how far a member may lie from the others, on the modelled scale."""

    weights: Weights
    tolerance: float
    spread: Spread
    widths: Widths
    record: Record
    idle: Idle

    @property
    def horizon(self) -> int:
        """Steps ahead that were judged."""
        return len(self.record.loss)


def calibrate(
    chosen: Sequence[Member], values: FloatArray, periods: tuple[int, ...], horizon: int, first_step: int, scale: Scale
) -> tuple[Calibration, dict[str, FittedMember], dict[str, str]]:
    """Judge the members on folds, then fit them on everything.

    Returns the calibration, the fitted members by name, and why the others failed. `first_step` is the absolute
    number of the first step. A member that raises, or that gives a value that is not finite, is out.
    """
    failures: dict[str, str] = {}
    horizon = max(1, min(horizon, len(values) // 4))
    folds = _folds(len(values), horizon, first_step)
    predicted: dict[str, list[FloatArray]] = {member.name: [] for member in chosen}
    for cut, origins in folds:
        part = values[:cut]
        for member in chosen:
            if member.name not in failures:
                fitted = _fit(member, part, periods, horizon, failures)
                if fitted is not None:
                    predicted[member.name].append(_predict(member, fitted, values, origins, horizon, failures))
    members = {}
    for member in chosen:
        fitted = None if member.name in failures else _fit(member, values, periods, horizon, failures)
        if fitted is not None:
            _predict(member, fitted, values, np.array([len(values) - 1]), horizon, failures)
            members[member.name] = fitted
    members = {name: fitted for name, fitted in members.items() if name not in failures}
    origins = np.concatenate([o for _, o in folds]) if folds else np.zeros(0, dtype=np.int64)
    medians = np.array([np.vstack(predicted[name]) if folds else np.zeros((0, horizon)) for name in members])
    return _judge(tuple(members), medians, values, periods, origins, scale), members, failures


def _judge(
    names: tuple[str, ...],
    medians: FloatArray,
    values: FloatArray,
    periods: tuple[int, ...],
    origins: IntArray,
    scale: Scale,
) -> Calibration:
    """Weights, residuals and losses from the members' medians, shape (members, origins, horizon)."""
    horizon = medians.shape[2]
    targets = values[origins[:, None] + np.arange(1, horizon + 1)] if len(origins) else np.zeros((0, horizon))
    actual, rates = scale.back(targets), scale.back(medians)
    ages = (origins[-1] - origins if len(origins) else origins).astype(float)
    half_life = max(1.0, float(ages.max(initial=1.0)) / 3)
    errors = actual - rates
    weights = weigh(errors, ages, half_life)
    tolerance = _usual_error(targets, medians, weights)
    combined = combine(medians, weights.at(horizon), tolerance)
    residuals = targets - combined
    expected, sizes = _expected(values, periods, origins, combined, residuals)
    references = (rates[names.index(SEASONAL_NAIVE)], scale.back(ewma(values, 0.01)[origins])[:, None])
    return Calibration(
        weights=weights,
        tolerance=tolerance,
        spread=spread_of((residuals / sizes)[::-1], ages[::-1], expected),
        widths=conformal.learn(residuals / sizes, sizes, ages),
        record=record_of(targets, combined, sizes, ages, scale, references),
        idle=_idle(names, errors, actual - scale.back(combined), len(values) - 1 - origins, periods),
    )


def _idle(
    names: tuple[str, ...], members: FloatArray, combined: FloatArray, back: IntArray, periods: tuple[int, ...]
) -> Idle:
    """Whether seasons help, by the members' errors (members, origins, horizon) and their combination's."""
    plain = [np.abs(errors) for name, errors in zip(names, members, strict=True) if name in SEASONLESS]
    found = [idle(np.abs(combined), errors, back, periods[0] if periods else 0) for errors in plain]
    return max(found, key=lambda one: one.steps, default=Idle())


def _usual_error(targets: FloatArray, medians: FloatArray, weights: Weights) -> float:
    """How far a member may lie from the others: the usual error of their mean; unlimited while that is not known."""
    if not len(targets):
        return np.inf
    left = targets - combine(medians, weights.at(targets.shape[1]), np.inf)
    return robust_scale(left) if np.isfinite(left).any() else np.inf


def _expected(
    values: FloatArray, periods: tuple[int, ...], origins: IntArray, medians: FloatArray, residuals: FloatArray
) -> tuple[Volatility, FloatArray]:
    """What says the size of errors, and what it says of these; the same for all while too few are known."""
    period = periods[0] if periods else 0
    if np.isfinite(residuals).any(axis=1).sum() < 2 * FEW:
        return volatility.unknown(period), np.ones(medians.shape)
    return volatility.fit(values, period, len(values) - margin(periods), origins, medians, residuals)


def _folds(length: int, horizon: int, first_step: int) -> list[tuple[int, IntArray]]:
    """(points learned from, origins judged) of each fold; none for a history too short to split."""
    if length < MIN_POINTS:
        return []
    start = length // 2
    stride = 1 << max(0, ((length - start) // ORIGINS).bit_length() - 1)
    origins = np.arange(start - 1, length - horizon)
    origins = origins[(origins + first_step) % stride == 0]
    cuts = np.linspace(start, length - horizon, FOLDS + 1).astype(int)
    folds = []
    for first, last in itertools.pairwise(cuts):
        inside = origins[(origins >= first - 1) & (origins < last - 1)]
        if len(inside):
            folds.append((int(first), inside))
    return folds


def _fit(
    member: Member, values: FloatArray, periods: tuple[int, ...], horizon: int, failures: dict[str, str]
) -> FittedMember | None:
    possible = tuple(period for period in periods if 2 * period <= len(values))
    try:
        return member.fit(values, possible, horizon)
    except Exception as error:  # a library's failure takes one member out, not the forecast
        failures[member.name] = f"{type(error).__name__}: {error}"
        return None


def _predict(
    member: Member, fitted: FittedMember, values: FloatArray, origins: IntArray, horizon: int, failures: dict[str, str]
) -> FloatArray:
    try:
        medians = fitted.predict(values, origins, horizon)
    except Exception as error:  # as above
        failures[member.name] = f"{type(error).__name__}: {error}"
        return np.zeros((len(origins), horizon))
    if not np.isfinite(medians).all():
        failures[member.name] = "gave a value that is not finite"
    return medians
