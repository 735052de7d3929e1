"""The fleet's budget: when pools together want more than there is, who gets how much. PURE.

Each pool's minimum is kept whatever the others want, and so is what may not be touched (a pause, missing data). Then
each pool that wants any replica gets its first, so that nobody starves. What is left goes out replica by replica,
always to where the next one avoids the most cost per unit, priority times worth: the greedy rule for a knapsack, which
is best possible but for the last replica that no longer fits, as long as each further replica of a pool is worth no
more than the one before it (Dantzig 1957); a worth that grows is counted as that of its predecessor.

A pool whose next replica doesn't fit gets no more, and smaller replicas of others may still use the rest.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scaler.decision import Proposal
from scaler.overrides import adjusted
from scaler.wording import figure
from scaler.worth import worth
from tidegate.shared.values import Plan


@dataclass(frozen=True, slots=True)
class Claim:
    """What one pool wants: `kept` replicas in any case, and `wanted` in all, each of so many `units`.

    `worth` has the cost that each replica after `kept` avoids; math.inf where a person has said that it shall be.
    """

    pool: str
    kept: int
    wanted: int
    units: int = 1
    priority: float = 1.0
    worth: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """`replicas` of a claim; the first one refused would have avoided `refused` per unit, priority included."""

    replicas: int
    refused: float | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """Everybody's grant; the least worth per unit that was still granted, and to whom."""

    grants: dict[str, Grant]
    last: tuple[float, str] | None = None


@dataclass(slots=True)
class _Open:
    """A claim being served."""

    claim: Claim
    replicas: int
    refused: float | None = None


def share(claims: Sequence[Claim], budget_units: int) -> Shared:
    """Who gets how much. Over the budget only where the replicas that are kept in any case are more than it."""
    open_ = {one.pool: _Open(one, min(one.kept, one.wanted)) for one in claims}
    used = sum(one.replicas * one.claim.units for one in open_.values())
    last: tuple[float, str] | None = None
    for _, value, pool in sorted(itertools.chain.from_iterable(map(_steps, claims))):
        one = open_[pool]
        if one.refused is not None:
            continue
        if used + one.claim.units > budget_units:
            one.refused = value
            continue
        one.replicas += 1
        used += one.claim.units
        if math.isfinite(value) and (last is None or value <= last[0]):
            last = (value, pool)
    return Shared({name: Grant(one.replicas, one.refused) for name, one in open_.items()}, last)


def _steps(claim: Claim) -> Iterable[tuple[tuple[float, float, float, float], float, str]]:
    """(rank, worth per unit, pool) of each replica that a pool wants beyond what it keeps; the lowest rank is first.

    Of equal worth and priority the pool that has the smaller part of its wish goes first: a tie is no reason to serve
    one whole and the other not at all.
    """
    least = math.inf
    count = claim.wanted - claim.kept
    for index, one in enumerate(claim.worth[:count]):
        least = min(least, one)
        first = claim.kept == 0 and index == 0
        value = claim.priority * least / claim.units
        yield (0.0 if first else 1.0, -value, -claim.priority, index / count), value, claim.pool


def within(proposals: Sequence[Proposal], budget_units: int | None) -> list[Plan]:
    """Every pool's plan within the budget, None for none; a plan that it changes says so, and why."""
    wanted = sum(one.plan.desired * one.spec.units_per_replica for one in proposals)
    if budget_units is None or wanted <= budget_units:
        return [one.plan for one in proposals]
    shared = share([_claim(one) for one in proposals], budget_units)
    return [_granted(one.plan, shared, budget_units, wanted) for one in proposals]


def _claim(one: Proposal) -> Claim:
    spec, plan = one.spec, one.plan
    untouchable = bool(one.paused) or any(step.name == "hold" for step in plan.adjustments)
    kept = min(max(spec.min_replicas, plan.asked if untouchable else 0), plan.desired)
    if any(step.name == "pinned" for step in plan.adjustments):
        value = (math.inf,) * (plan.desired - kept)
    else:
        value = worth(spec, one.observation, kept, plan.desired)
    return Claim(spec.name, kept, plan.desired, spec.units_per_replica, spec.priority, value)


def _granted(plan: Plan, shared: Shared, budget_units: int, wanted_units: int) -> Plan:
    grant = shared.grants[plan.pool]
    if grant.replicas == plan.desired:
        return plan
    reason = f"all pools want {wanted_units} units, and the budget is {budget_units}"
    if grant.refused is not None and math.isfinite(grant.refused):
        reason += f"; one more would save {figure(grant.refused)} replica-seconds a unit here"
        if shared.last is not None and shared.last[1] != plan.pool:
            reason += f", the last one given saves {figure(shared.last[0])} in {shared.last[1]}"
    return adjusted(plan, "budget", grant.replicas, reason)
