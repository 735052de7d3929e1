"""A forecast's reasons in words. PURE."""

import math

from forecaster.explanation import Explanation
from tidegate.shared.times import utc


def summary(explanation: Explanation, horizon_s: float) -> str:
    """Two or three sentences."""
    parts = ", ".join(f"{name} {rate:+.3g}" for name, rate in explanation.components if rate)
    whole = explanation.until_s - explanation.from_s >= horizon_s
    when = f"Over the next {duration(horizon_s)}" if whole else f"At {utc(explanation.from_s)}"
    seasons = " and ".join(duration(s) for s in explanation.seasons_s)
    first = f"{when} about {explanation.median_rps:.3g} requests/s are expected: {parts}."
    second = f"It repeats every {seasons}." if seasons else ""
    if explanation.basis:
        second = f"{second} Fallback: {explanation.basis}.".lstrip()
    leading = max(explanation.members, key=lambda member: member.weight)
    third = f"The leading member is {leading.name} with {leading.weight:.0%}."
    skill = explanation.skill
    fourth = "It is too new to have been judged: take its quantiles as a guess."
    if skill.origins:
        fourth = (
            f"Over {skill.origins} past origins its error was {1 - skill.vs_seasonal_naive:.0%} of seasonal-naive's"
        )
        if math.isnan(skill.coverage_95):
            fourth += "; they are too few to judge its quantiles by."
        else:
            fourth += f", and {skill.coverage_95:.0%} of what came stayed under the 95% quantile."
    return " ".join(sentence for sentence in (first, second, third, fourth) if sentence)


def season(length_s: float) -> str:
    """A season by its length: `daily season`, `season of 10 min`."""
    named = {3600.0: "hourly", 86_400.0: "daily", 604_800.0: "weekly"}.get(length_s)
    return f"{named} season" if named else f"season of {duration(length_s)}"


def duration(seconds: float) -> str:
    """90 s as `90 s`, 5400 s as `1.5 h`."""
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:g} {unit}" if seconds % size == 0 else f"{seconds / size:.1f} {unit}"
    return f"{seconds:g} s"
