"""The record of past forecasts: skill, coverage, pinball loss, drift. PURE.

Losses are over all judged origins. Coverage and pinball loss are of the later half of them, by quantiles that the
earlier half alone taught, and widened as it alone would have had them widened: what was really promised, and what came.
"""

from dataclasses import dataclass

import numpy as np

from forecaster import conformal, volatility
from forecaster.explanation import Health
from forecaster.spread import FEW, spread_of
from forecaster.transform import Scale
from tidegate.shared.values import QUANTILES, FloatArray, Skill

HORIZONS = 5
"""Horizons (log-spaced) whose skill is said one by one."""

WINDOWS = 64
"""Windows whose maximum is judged, about so many."""

LATEST = 0.1
"""The latest share of the origins, whose errors over the usual ones are the drift."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Losses have shape (horizon,): mean absolute error at each step ahead; `covered` (QUANTILES, horizon).

    Coverage and pinball loss are NaN where there are too few origins to judge them.
    """

    origins: int
    loss: FloatArray
    naive_loss: FloatArray
    last_loss: FloatArray
    covered: FloatArray
    window_covered: FloatArray
    pinball_rps: FloatArray
    drift: float

    def skill(self, steps: int) -> Skill:
        """Skill over 1..steps ahead."""
        return self._skill(slice(0, min(steps, len(self.loss))))

    def health(self, step_s: float) -> Health:
        """The same figures by name."""
        if self.origins == 0:
            return Health()
        ends = np.unique(np.round(np.geomspace(1, len(self.loss), HORIZONS))).astype(int)
        skills = tuple((float(end * step_s), self._skill(slice(int(end) - 1, int(end)))) for end in ends)
        if not np.isfinite(self.pinball_rps).all():
            return Health(skill_by_horizon=skills, drift=self.drift)
        return Health(
            coverage=_by_quantile(self.covered.mean(axis=1)),
            window_coverage=_by_quantile(self.window_covered),
            pinball_rps=_by_quantile(self.pinball_rps),
            skill_by_horizon=skills,
            drift=self.drift,
        )

    def _skill(self, steps: slice) -> Skill:
        if self.origins == 0:
            return Skill()
        loss, naive, last = (float(x[steps].mean()) for x in (self.loss, self.naive_loss, self.last_loss))
        covered = float(self.covered[QUANTILES.index(0.95), steps].mean())
        return Skill(self.origins, gain(loss, naive), gain(loss, last), covered)


def record_of(
    targets: FloatArray,
    medians: FloatArray,
    sizes: FloatArray,
    ages: FloatArray,
    scale: Scale,
    references: tuple[FloatArray, FloatArray],
) -> Record:
    """From what came, medians and expected sizes of errors (modelled scale), and the references' forecasts.

    The references are in requests/s. All have shape (origins, horizon), the last value (origins, 1); gaps are NaN.
    """
    actual, known = scale.back(targets), np.isfinite(targets)
    naive, last = references
    errors = (targets - medians) / sizes
    covered, window_covered, pinball = _promised(targets, medians, sizes, ages, scale)
    return Record(
        origins=int(known.any(axis=1).sum()),
        loss=_mean_by_step(np.abs(actual - scale.back(medians)), known),
        naive_loss=_mean_by_step(np.abs(actual - naive), known),
        last_loss=_mean_by_step(np.abs(actual - last), known),
        covered=covered,
        window_covered=window_covered,
        pinball_rps=pinball,
        drift=_drift(np.abs(errors)),
    )


def gain(loss: float, reference: float) -> float:
    """Skill: 1 - loss / reference. Against a reference without loss, 0 for one that has none either, else -1."""
    if reference > 1e-12:
        return 1.0 - loss / reference
    return 0.0 if loss <= 1e-12 else -1.0


def _promised(
    targets: FloatArray, medians: FloatArray, sizes: FloatArray, ages: FloatArray, scale: Scale
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coverage by quantile and step, of the whole horizon's maximum by quantile, and pinball loss by quantile."""
    half, horizon = len(targets) // 2, targets.shape[1]
    if half < FEW or not np.isfinite(targets[half:]).any():
        unknown = np.full(len(QUANTILES), np.nan)
        return np.full((len(QUANTILES), horizon), np.nan), unknown, unknown
    errors = (targets - medians) / sizes
    taught = spread_of(errors[:half][::-1], ages[:half][::-1] - ages[half - 1], volatility.unknown(0))
    widths = conformal.learn(errors[:half], sizes[:half], ages[:half] - ages[half - 1])
    offsets = widths.widened(taught.offsets(QUANTILES, np.ones(horizon)), QUANTILES)
    later, known = errors[half:], np.isfinite(targets[half:])
    covered = np.array([_mean_by_step((later <= offset).astype(float), known) for offset in offsets])
    actual = scale.back(targets[half:])
    left = [(actual - scale.back(medians[half:] + sizes[half:] * offset))[known] for offset in offsets]
    pinball = [float(np.mean(np.maximum(q * x, (q - 1.0) * x))) for q, x in zip(QUANTILES, left, strict=True)]
    whole = half + np.flatnonzero(known.all(axis=1))
    some = whole[:: max(1, len(whole) // WINDOWS)]
    maxima = [(medians[i] + taught.reach(sizes[i])).max(axis=1) for i in some]
    window = np.zeros(len(QUANTILES))
    if maxima:
        highest = taught.highest(scale.back(np.stack(maxima, axis=1)), QUANTILES, horizon)
        promised = widths.highest(highest, highest[QUANTILES.index(0.5)], QUANTILES, horizon)
        window = (promised >= actual[some - half].max(axis=1)).mean(axis=1)
    return covered, window, np.array(pinball)


def _drift(sizes: FloatArray) -> float:
    latest = sizes[-max(1, int(LATEST * len(sizes))) :]
    if not len(sizes) or not np.isfinite(latest).any() or np.nanmean(sizes) <= 1e-12:
        return 1.0
    return float(np.nanmean(latest) / np.nanmean(sizes))


def _by_quantile(figures: FloatArray) -> tuple[tuple[float, float], ...]:
    return tuple((q, float(x)) for q, x in zip(QUANTILES, figures, strict=True))


def _mean_by_step(table: FloatArray, known: FloatArray) -> FloatArray:
    counts = known.sum(axis=0)
    return np.asarray(np.where(known, table, 0.0).sum(axis=0) / np.maximum(counts, 1))
