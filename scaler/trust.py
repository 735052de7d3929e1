"""How far a pool's forecast may act, earned by its measured skill. PURE.

The ladder is shadow, floor, full; one step a tick. Rising asks for more skill than staying does, so that a forecast
at the border doesn't flap (hysteresis).
"""

from dataclasses import dataclass

from tidegate.shared.values import Mode, Skill

ENOUGH_ORIGINS = 20
"""Forecasts that a skill must rest on before anything is built on it."""
RISE = {Mode.SHADOW: 0.0, Mode.FLOOR: 0.05}
"""Skill (against the better of the two references) above which a mode is left upwards."""
FALL = {Mode.FLOOR: -0.1, Mode.FULL: -0.02}
"""Skill below which it is left downwards. A floor can only add replicas, so it stands more."""
LADDER = (Mode.SHADOW, Mode.FLOOR, Mode.FULL)


@dataclass(frozen=True, slots=True)
class Trust:
    """The mode that the forecast has earned, and the reason in words."""

    mode: Mode = Mode.SHADOW
    reason: str = "no forecast has been judged yet"


def judge(trust: Trust, skill: Skill | None) -> Trust:
    """One tick: at most one step up or down. No forecast is no judgement: the mode stays."""
    if skill is None:
        return Trust(trust.mode, "no forecast to judge; as before")
    if skill.origins < ENOUGH_ORIGINS:
        reason = f"skill rests on {skill.origins} forecasts of the {ENOUGH_ORIGINS} that are needed"
        return Trust(Mode.SHADOW, reason)
    worst = min(skill.vs_seasonal_naive, skill.vs_last_value)
    figures = (
        f"skill {skill.vs_seasonal_naive:+.2f} against seasonal-naive and {skill.vs_last_value:+.2f} against last "
        f"value over {skill.origins} forecasts"
    )
    rung = LADDER.index(trust.mode)
    if trust.mode in RISE and worst > RISE[trust.mode]:
        to = LADDER[rung + 1]
        return Trust(to, f"{figures}: over {RISE[trust.mode]:g}, so {trust.mode} becomes {to}")
    if trust.mode in FALL and worst < FALL[trust.mode]:
        to = LADDER[rung - 1]
        return Trust(to, f"{figures}: under {FALL[trust.mode]:g}, so {trust.mode} becomes {to}")
    return Trust(trust.mode, f"{figures}: {trust.mode} stays")


def settled(skill: Skill | None) -> Trust:
    """Where the ladder comes to rest when this skill stays; for a start from known history."""
    trust = Trust()
    for _ in LADDER:
        trust = judge(trust, skill)
    return trust
