"""What a forecast is made of: level, each season, recent errors, holidays, spikes, events; and why. PURE."""

import math

import numpy as np

from forecaster import words
from forecaster.explanation import Explanation, MemberState
from forecaster.members import harmonic
from forecaster.model import FittedModel
from forecaster.registry import LAGS
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import QUANTILES, FloatArray


def explain(model: FittedModel, horizon_s: float, at_s: float | None = None) -> Explanation:
    """Why the forecast over the horizon, or of the one step of it that `at_s` lies in, is what it is.

    Raises InvalidRequest naming the field and the value.
    """
    chosen = _chosen(model, horizon_s, at_s)
    places = model.places(model.steps_in(horizon_s))
    reach = int(places.max()) + 1
    weights = model.calibration.weights.at(reach)
    season = _season(model, weights)
    level, apart = _apart(model, season)
    seasons = [(name, float(rates[places][chosen].mean())) for name, rates in apart]
    path = model.median(reach)
    usual = float(model.scale.back(path)[places][chosen].mean())
    resting = float(model.scale.back(path[places] + model.rest.at(len(model.values) + places))[chosen].mean())
    spikes = float(model.comb.at(len(model.values) + places)[chosen].mean())
    median = float(model.rates_at(path, places)[chosen].mean())
    spread = model.calibration.spread
    offsets = spread.offsets(QUANTILES, spread.size(model.values, path))
    plain = model.rates_at(path + offsets, places)[:, chosen].mean(axis=1)
    offsets = model.calibration.widths.widened(offsets, QUANTILES)
    fan = model.rates_at(path + offsets, places)[:, chosen].mean(axis=1)
    from_s = model.end_s + model.step_s * (chosen.start or 0)
    return Explanation(
        model=model.model,
        from_s=from_s,
        until_s=from_s + model.step_s * len(range(*chosen.indices(len(places)))),
        median_rps=median,
        components=(
            ("level", level),
            *seasons,
            ("recent errors", usual - level - sum(rate for _, rate in seasons)),
            ("holidays", _difference(resting, usual)),
            ("spikes", spikes),
            ("events", _difference(median, resting + spikes)),
        ),
        conformal=tuple((q, float(rate - median)) for q, rate in zip(QUANTILES, fan, strict=True)),
        widened=tuple((q, float(wide - rate)) for q, wide, rate in zip(QUANTILES, fan, plain, strict=True)),
        members=_member_states(model, weights),
        seasons_s=model.seasons_s,
        skill=model.calibration.record.skill(len(places)),
        health=model.health(),
        basis=model.basis,
        fitted_at_s=model.fitted_at_s,
    )


def _difference(larger: float, smaller: float) -> float:
    """Their difference, where it is more than what rounding leaves of equal ones."""
    return 0.0 if math.isclose(larger, smaller, rel_tol=1e-12, abs_tol=1e-12) else larger - smaller


def _chosen(model: FittedModel, horizon_s: float, at_s: float | None) -> slice:
    if not 0.0 < horizon_s < np.inf:
        raise InvalidRequest(f"horizon_s is {horizon_s:g}: it must be over 0")
    until_s = model.end_s + model.steps_in(horizon_s) * model.step_s
    if at_s is None:
        return slice(None)
    if not model.end_s <= at_s < until_s:
        raise InvalidRequest(f"at_s is {at_s:.0f}: it must lie within the horizon, {model.end_s:.0f} to {until_s:.0f}")
    first = int((at_s - model.end_s) / model.step_s)
    return slice(first, first + 1)


def _season(model: FittedModel, weights: FloatArray) -> FloatArray:
    """The members' weighted season, modelled scale, shape (reach,).

    `lags` has its seasons within a regression that can't be told apart from recent errors: the others speak for it.
    """
    told = np.array([[name != LAGS] for name in model.members])
    shares = weights * told if told.any() else weights
    last, reach = len(model.values) - 1, weights.shape[1]
    parts = np.array([member.season_at(model.values, last, reach) for member in model.members.values()])
    result: FloatArray = (shares * parts).sum(axis=0) / np.maximum(shares.sum(axis=0), 1e-300)
    return result


def _apart(model: FittedModel, season: FloatArray) -> tuple[float, list[tuple[str, FloatArray]]]:
    """The level, and each season's name and rates, shape (reach,), the strongest first; they add up to `season`.

    The members' common season (modelled scale) is split by a harmonic regression on all periods, the shortest first,
    since a week could take the days in it for its own. Its mean is the level: recent cycles weigh more in it, as in the
    members. What else the members see moves slowly, and is the longest season's. Without a season all of it is level.
    """
    if not model.periods:
        return float(model.scale.back(season).mean()), []
    shortest_first = tuple(sorted(model.periods))
    told = harmonic.season_of(model.values, shortest_first)
    cycles = {
        period: np.resize(np.roll(cycle, -len(model.values)), len(season))
        for period, cycle in zip(shortest_first, told.cycles, strict=True)
    }
    rest = season - told.level - sum(cycles.values())
    level = float(model.scale.back(np.array([told.level]))[0])
    cycles[shortest_first[-1]] = cycles[shortest_first[-1]] + rest
    reached = np.cumsum([np.full(len(season), told.level), *(cycles[period] for period in model.periods)], axis=0)
    rates = np.diff(model.scale.back(reached), axis=0)
    return level, [(words.season(length_s), part) for length_s, part in zip(model.seasons_s, rates, strict=True)]


def _member_states(model: FittedModel, weights: FloatArray) -> tuple[MemberState, ...]:
    means, losses = weights.mean(axis=1), model.calibration.weights.losses
    taking_part = [MemberState(n, float(w), float(x), "") for n, w, x in zip(model.members, means, losses, strict=True)]
    return (*taking_part, *(MemberState(n, 0.0, float("nan"), why) for n, why in model.failures.items()))
