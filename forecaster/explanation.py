"""Why a forecast is what it is, and how good such forecasts have been. Values; PURE."""

from dataclasses import dataclass

from tidegate.shared.values import Skill


@dataclass(frozen=True, slots=True)
class MemberState:
    """How one member stands: `weight` is its mean over horizons, `loss` its recent pinball loss in requests/s.

    `failure` says why it takes no part; empty: it does.
    """

    name: str
    weight: float
    loss: float
    failure: str


@dataclass(frozen=True, slots=True)
class Health:
    """How good forecasts were over past origins, each made from what was known then.

    `coverage`, `window_coverage` and `pinball_rps` are (quantile, figure), `skill_by_horizon` (seconds ahead, skill).
    `drift` is the latest errors' size over their usual size: 1 is as always; empty figures: too new to be judged.
    """

    coverage: tuple[tuple[float, float], ...] = ()
    window_coverage: tuple[tuple[float, float], ...] = ()
    pinball_rps: tuple[tuple[float, float], ...] = ()
    skill_by_horizon: tuple[tuple[float, Skill], ...] = ()
    drift: float = 1.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the forecast of [from_s, until_s) is what it is.

    `components` (name, requests/s) add up to `median_rps`, the mean median of that stretch. `conformal` is (quantile,
    requests/s between it and the median), `widened` what of that the online correction has added. `basis` says in
    words what the forecast rests on where that is not the series' own seasons; empty where it is.
    """

    model: str
    from_s: float
    until_s: float
    median_rps: float
    components: tuple[tuple[str, float], ...]
    conformal: tuple[tuple[float, float], ...]
    widened: tuple[tuple[float, float], ...]
    members: tuple[MemberState, ...]
    seasons_s: tuple[float, ...]
    skill: Skill
    health: Health
    basis: str
    fitted_at_s: float
