"""How far a pool's forecast may act: earned by what it would have cost, and until that is known by its skill. PURE.

The ladder is shadow, floor, full; one step a tick. Rising asks for more than staying does, so that a forecast at the
border doesn't flap (hysteresis).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scaler.counterfactual import HEADROOM_OF, KINDS, PLANS, STAYS_LEADS, Worlds
from scaler.imagined import HALF_LIFE_S
from tidegate.shared.values import FloatArray, Mode, Skill

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
"""Another mode must have saved so much more, as a share of shadow's replica-seconds, to be gone to."""
BREACH = 0.4
"""A mode that for a lead has lately cost so much more than shadow is left, and avoided, whatever it saved before: a
season broke."""
NEAR = 0.01
"""What has cost so little more than a mode's best is as good as that."""
SAFE = 0.5
"""What is taken off must have saved such a share of itself: where misses ate up more, the load isn't level."""
DOUBT_LEADS = 10.0
"""What is presumed of headroom weighs as much as so many leads that were seen: an hour's calm is little evidence."""
USUAL_PRICE = 3.0
"""Price of a late request (replica-seconds) at which what is asked for without headroom is presumed the cheapest …"""
STEEPNESS = 30.0
"""… as surprises are presumed to be Pareto distributed with this exponent: what a tenth more carries is exceeded
a seventeenth as often. With a target of 80 % demand then outgrows it for a thousandth of the time."""


Saved = Sequence[float]
"""What each of KINDS saved; -inf where it mustn't be chosen."""
OWN = {plan: tuple(at for at, kind in enumerate(KINDS) if (kind.mode, kind.stays_leads) == plan) for plan in PLANS}
"""The places in KINDS of those that differ in headroom alone."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The mode that the forecast has earned, the headroom that its errors ask for, and the reason in words."""

    mode: Mode = Mode.SHADOW
    reason: str = "no forecast has been judged yet"
    headroom: float = 0.0
    stays_leads: float = STAYS_LEADS[0]
    """How long, in leads, what was planned stays after demand fell unforeseen."""
    dearer_since_s: float | None = None
    """Since when the mode has been far dearer than shadow (`BREACH`)."""


def judge(trust: Trust, skill: Skill | None, worlds: Worlds, lead_s: float, miss_price: float) -> Trust:
    """One tick: at most one step up or down. No forecast is no judgement: the mode stays."""
    saved = _saved(worlds, lead_s, miss_price)
    if skill is None:
        best = KINDS[_best(trust.mode, trust, worlds, saved, lead_s)]
        return Trust(trust.mode, "no forecast to judge; as before", best.headroom, best.stays_leads)
    return (
        _by_cost(trust, worlds, saved, lead_s)
        if _known(worlds, lead_s)
        else _by_skill(trust, skill, worlds, saved, lead_s)
    )


def wished(trust: Trust, mode: Mode, reason: str, worlds: Worlds, lead_s: float, miss_price: float) -> Trust:
    """A mode that somebody set, with the headroom and the time to outlast falls that its errors ask for."""
    if mode not in LADDER:
        return Trust(mode, reason)
    best = KINDS[_best(mode, trust, worlds, _saved(worlds, lead_s, miss_price), lead_s)]
    return Trust(mode, reason, best.headroom, best.stays_leads)


def _known(worlds: Worlds, lead_s: float) -> bool:
    return worlds.seconds >= min(ENOUGH_LEADS * lead_s, HALF_LIFE_S)


def _saved(worlds: Worlds, lead_s: float, miss_price: float) -> Saved:
    """The mean of what each saved and of what its headroom is presumed to save, which weighs as DOUBT_LEADS seen.

    Until enough is known nothing is added; what is taken off must outweigh the presumption.
    """
    gain = worlds.saved(miss_price)
    doubt = DOUBT_LEADS * lead_s / max(worlds.seconds + DOUBT_LEADS * lead_s, 1e-9)
    more = HEADROOM_OF > 0.0 if _known(worlds, lead_s) else False
    may = (HEADROOM_OF == 0.0) | more | ((HEADROOM_OF < 0.0) & (gain >= SAFE * -HEADROOM_OF))
    weighed = (1.0 - doubt) * gain + doubt * _presumed(HEADROOM_OF, miss_price)
    saved: list[float] = np.where(may, weighed, -math.inf).tolist()
    return saved


def _presumed(headroom: FloatArray, miss_price: float) -> FloatArray:
    """What each headroom saves when surprises are as presumed, as a share of the replica-seconds without it.

    (1 + h) replicas are paid, and late rows cost k · (1 + h)^-STEEPNESS; at the usual price k is such that the sum is
    least at h = 0. Worked: at that price a tenth off saves 0.1 and costs (0.9^-30 - 1) / 30 = 0.75 in late rows.
    """
    late = ((1.0 + headroom) ** -STEEPNESS - 1.0) / STEEPNESS
    presumed: FloatArray = -headroom - miss_price / USUAL_PRICE * late
    return presumed


def _best(mode: Mode, trust: Trust, worlds: Worlds, saved: Saved, lead_s: float) -> int:
    """The place in KINDS of the mode's time to outlast a fall for, and its headroom: what saved the most.

    Where that is more than none, the least that is hardly dearer. The time isn't changed while a fall lasts: until
    demand is back all that it shows is what it costs.
    """
    most = {
        stays: max(saved[at] for at in OWN[mode, stays])
        for stays in ((trust.stays_leads,) if worlds.falling(trust.stays_leads * lead_s) else STAYS_LEADS)
    }
    stays = next(one for one, gain in most.items() if gain >= max(most.values()) - NEAR)
    own = OWN[mode, stays]
    least = min(KINDS[max(own, key=saved.__getitem__)].headroom, 0.0)
    near = [at for at in own if KINDS[at].headroom >= least and saved[at] >= most[stays] - NEAR]
    return min(near, key=lambda at: KINDS[at].headroom)


def _by_cost(trust: Trust, worlds: Worlds, saved: Saved, lead_s: float) -> Trust:
    """Towards the mode, with its headroom and its time to outlast falls, that would have cost the least; not to one
    that lately cost much more than shadow."""
    best = {mode: _best(mode, trust, worlds, saved, lead_s) for mode in LADDER}
    gains, kinds = {mode: saved[best[mode]] for mode in LADDER}, {mode: KINDS[best[mode]] for mode in LADDER}
    lost = worlds.lost_lately(lead_s)
    more = {mode: float(lost[best[mode]] - lost[best[Mode.SHADOW]]) for mode in LADDER}
    goal = max((mode for mode in LADDER if more[mode] < BREACH), key=gains.__getitem__)
    told = ", ".join(
        f"{mode} {gains[mode]:+.1%} (headroom {kind.headroom:.0%}, falls outlasted {kind.stays_leads:g} leads)"
        for mode, kind in kinds.items()
    )
    figures = f"saved of late, against shadow without headroom: {told}"
    since_s = None
    if more[trust.mode] >= BREACH:
        since_s = worlds.at_s if trust.dearer_since_s is None else trust.dearer_since_s
        figures += f", but lately {trust.mode} cost {more[trust.mode]:.0%} more than shadow"
    # Starting ahead of a spike is dearer until the spike is there; only what stays so for longer has broken.
    starting = since_s is not None and worlds.at_s is not None and worlds.at_s - since_s < lead_s
    if starting or (since_s is None and gains[goal] - gains[trust.mode] <= MARGIN):
        to, reason = trust.mode, f"{figures}: {trust.mode} stays"
    else:
        rung = LADDER.index(trust.mode)
        to = LADDER[rung + 1 if LADDER.index(goal) > rung else rung - 1]
        reason = f"{figures}: {trust.mode} becomes {to}"
    return Trust(to, reason, kinds[to].headroom, kinds[to].stays_leads, since_s)


def _by_skill(trust: Trust, skill: Skill, worlds: Worlds, saved: Saved, lead_s: float) -> Trust:
    """Up or down the ladder by how much better than a naive guess the forecasts were."""
    mode, reason = _rung(trust.mode, skill)
    best = KINDS[_best(mode, trust, worlds, saved, lead_s)]
    return Trust(mode, reason, best.headroom, best.stays_leads)


def _rung(mode: Mode, skill: Skill) -> tuple[Mode, str]:
    if skill.origins < ENOUGH_ORIGINS:
        reason = f"skill rests on {skill.origins} forecasts of the {ENOUGH_ORIGINS} that are needed"
        return Mode.SHADOW, reason
    worst = min(skill.vs_seasonal_naive, skill.vs_last_value)
    figures = (
        f"skill {skill.vs_seasonal_naive:+.2f} against seasonal-naive and {skill.vs_last_value:+.2f} against last "
        f"value over {skill.origins} forecasts"
    )
    rung = LADDER.index(mode)
    if mode in RISE and worst > RISE[mode]:
        to = LADDER[rung + 1]
        return to, f"{figures}: over {RISE[mode]:g}, so {mode} becomes {to}"
    if mode in FALL and worst < FALL[mode]:
        to = LADDER[rung - 1]
        return to, f"{figures}: under {FALL[mode]:g}, so {mode} becomes {to}"
    return mode, f"{figures}: {mode} stays"
