"""How far a pool's forecast may act: earned by what it would have cost, and until that is known by its skill. PURE.

The ladder is shadow, floor, full; one step a tick. Rising asks for more than staying does, so that a forecast at the
border doesn't flap (hysteresis).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scaler.counterfactual import HEADROOMS, Kind, Worlds
from tidegate.shared.values import Mode, Skill

ENOUGH_ORIGINS = 20
"""Forecasts that a skill must rest on before anything is built on it."""
RISE = {Mode.SHADOW: 0.0, Mode.FLOOR: 0.05}
"""Skill (against the better of the two references) above which a mode is left upwards."""
FALL = {Mode.FLOOR: -0.1, Mode.FULL: -0.02}
"""Skill below which it is left downwards. A floor can only add replicas, so it stands more."""
LADDER = (Mode.SHADOW, Mode.FLOOR, Mode.FULL)
ENOUGH_LEADS = 20.0
"""Start-ups' time that the counterfactual worlds must speak for before they, and no longer skill, decide."""
MARGIN = 0.02
"""Another mode must have saved so much more, as a share of shadow's replica-seconds, to be gone to …"""
HEADROOM_MARGIN = 0.01
"""… and a headroom that has cost so little more than the best is as good."""


Saved = Mapping[Kind, float]


@dataclass(frozen=True, slots=True)
class Trust:
    """The mode that the forecast has earned, the headroom that its errors ask for, and the reason in words."""

    mode: Mode = Mode.SHADOW
    reason: str = "no forecast has been judged yet"
    headroom: float = 0.0


def judge(trust: Trust, skill: Skill | None, worlds: Worlds, lead_s: float, miss_price: float) -> Trust:
    """One tick: at most one step up or down. No forecast is no judgement: the mode stays."""
    if skill is None:
        return replace(trust, reason="no forecast to judge; as before")
    if _known(worlds, lead_s):
        return _by_cost(trust, worlds.saved(miss_price))
    return _by_skill(trust, skill)


def wished(mode: Mode, reason: str, worlds: Worlds, lead_s: float, miss_price: float) -> Trust:
    """A mode that somebody set, with the headroom that its errors ask for."""
    if mode not in LADDER or not _known(worlds, lead_s):
        return Trust(mode, reason)
    return Trust(mode, reason, _headroom(mode, worlds.saved(miss_price)))


def _known(worlds: Worlds, lead_s: float) -> bool:
    return worlds.seconds >= ENOUGH_LEADS * lead_s


def _headroom(mode: Mode, saved: Saved) -> float:
    """The least that is hardly dearer than the best."""
    enough = max(saved[Kind(mode, share)] for share in HEADROOMS) - HEADROOM_MARGIN
    return next(share for share in HEADROOMS if saved[Kind(mode, share)] >= enough)


def _by_cost(trust: Trust, saved: Saved) -> Trust:
    """Towards the mode, and to the headroom, that would have cost the least."""
    best = {mode: _headroom(mode, saved) for mode in LADDER}
    gains = {mode: saved[Kind(mode, best[mode])] for mode in LADDER}
    goal = max(LADDER, key=gains.__getitem__)
    told = ", ".join(f"{mode} {gains[mode]:+.1%} (headroom {best[mode]:.0%})" for mode in LADDER)
    figures = f"saved of late, against shadow without headroom: {told}"
    if gains[goal] - gains[trust.mode] <= MARGIN:
        return Trust(trust.mode, f"{figures}: {trust.mode} stays", best[trust.mode])
    rung = LADDER.index(trust.mode)
    to = LADDER[rung + 1 if LADDER.index(goal) > rung else rung - 1]
    return Trust(to, f"{figures}: {trust.mode} becomes {to}", best[to])


def _by_skill(trust: Trust, skill: Skill) -> Trust:
    if skill.origins < ENOUGH_ORIGINS:
        reason = f"skill rests on {skill.origins} forecasts of the {ENOUGH_ORIGINS} that are needed"
        return Trust(Mode.SHADOW, reason, trust.headroom)
    worst = min(skill.vs_seasonal_naive, skill.vs_last_value)
    figures = (
        f"skill {skill.vs_seasonal_naive:+.2f} against seasonal-naive and {skill.vs_last_value:+.2f} against last "
        f"value over {skill.origins} forecasts"
    )
    rung = LADDER.index(trust.mode)
    if trust.mode in RISE and worst > RISE[trust.mode]:
        to = LADDER[rung + 1]
        return Trust(to, f"{figures}: over {RISE[trust.mode]:g}, so {trust.mode} becomes {to}", trust.headroom)
    if trust.mode in FALL and worst < FALL[trust.mode]:
        to = LADDER[rung - 1]
        return Trust(to, f"{figures}: under {FALL[trust.mode]:g}, so {trust.mode} becomes {to}", trust.headroom)
    return Trust(trust.mode, f"{figures}: {trust.mode} stays", trust.headroom)
