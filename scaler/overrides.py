"""What people decide over the planner's head, for a while: a pin, a pause, a mode. PURE.

Each has a reason, an author and an end, because one that is forgotten is the next outage. Taking one back is an
override too, one without a value: so it is kept who did it, and it replaces the other wherever that is known.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from scaler.observation import PoolSpec
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.times import utc
from tidegate.shared.values import Adjustment, Mode, Plan

LONGEST_S = 366 * 86_400.0
LONGEST_TEXT = 300
"""Characters of a reason: it stands in every explanation, in the resource's status and on terminals."""
ON = "on"
AUTO = "auto"
MODES = (*Mode, AUTO)


class Kind(StrEnum):
    """What is overridden."""

    PIN = "pin"
    PAUSE = "pause"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Override:
    """`value`: replicas of a pin, ON of a pause, a mode's name; empty where it was taken back. `by` is user@host."""

    kind: Kind
    value: str
    reason: str
    by: str
    at_s: float
    until_s: float

    def holds(self, now_s: float) -> bool:
        """Whether it counts now."""
        return bool(self.value) and now_s < self.until_s

    @property
    def words(self) -> str:
        """Who, why and until when."""
        return f"by {self.by} until {utc(self.until_s)}: {self.reason}"

    @property
    def deed(self) -> str:
        """What was done, in a word or two."""
        if not self.value:
            return f"{self.kind} taken back"
        return str(self.kind) if self.kind is Kind.PAUSE else f"{self.kind} {self.value}"


def checked(
    kind: str, value: str, reason: str, by: str, for_s: float, now_s: float, bounds: tuple[int, int]
) -> Override:
    """An override that makes sense for a pool of `bounds` (least, most) replicas.

    Raises InvalidRequest naming the value.
    """
    if kind not in set(Kind):
        raise InvalidRequest(f"no override is called {kind!r}; there are: {', '.join(Kind)}")
    if not by:
        raise InvalidRequest("say who asks for it, as user@host")
    for text in (reason, by):
        if len(text) > LONGEST_TEXT or not text.isprintable():
            raise InvalidRequest(f"{text[:40]!r}: it must be one printable line of {LONGEST_TEXT} characters at most")
    if not value:
        return Override(Kind(kind), "", reason or "taken back", by, now_s, now_s)
    if not reason.strip():
        raise InvalidRequest(f"a {kind} needs a reason, for whoever asks next why the pool is as it is")
    if not 0.0 < for_s <= LONGEST_S:
        raise InvalidRequest(f"a {kind} for {for_s:g} s: it must end, after more than 0 s and a year at most")
    if kind == Kind.PIN and not (value.isdecimal() and bounds[0] <= int(value) <= bounds[1]):
        raise InvalidRequest(f"a pin to {value}: the pool may have {bounds[0]} to {bounds[1]} replicas")
    if kind == Kind.MODE and value not in MODES:
        raise InvalidRequest(f"no mode is called {value!r}; there are: {', '.join(MODES)}")
    return Override(Kind(kind), ON if kind == Kind.PAUSE else value, reason.strip(), by, now_s, now_s + for_s)


def in_force(known: Iterable[Override], now_s: float) -> dict[Kind, Override]:
    """Those that count now."""
    return {one.kind: one for one in known if one.holds(now_s)}


def with_mode(spec: PoolSpec, override: Override | None) -> PoolSpec:
    """The pool as it is planned for under a mode that was set by hand."""
    if override is None:
        return spec
    mode = None if override.value == AUTO else Mode(override.value)
    return dataclasses.replace(spec, mode=mode, mode_reason=f"set {override.words}")


def pinned(plan: Plan, override: Override | None, spec: PoolSpec) -> Plan:
    """The plan with a pin in its place. The pool's bounds still hold: they may have changed since the pin was set."""
    if override is None:
        return plan
    wanted = int(override.value)
    kept = min(max(wanted, spec.min_replicas), spec.max_replicas)
    reason = override.words
    if kept != wanted:
        reason += f"; the pool may have {spec.min_replicas} to {spec.max_replicas}, so {kept} instead of {wanted}"
    return adjusted(plan, "pinned", kept, reason)


def paused(plan: Plan, why: str) -> Plan:
    """The plan of a pool that is left alone: what is asked for stays, whatever the planner says. "" for no pause."""
    return adjusted(plan, "paused", plan.asked, why) if why else plan


def adjusted(plan: Plan, name: str, desired: int, reason: str) -> Plan:
    """The plan after one more step."""
    step = Adjustment(name, plan.desired, desired, reason)
    return dataclasses.replace(plan, desired=desired, adjustments=(*plan.adjustments, step))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what about a pool, when and why; `until_s` 0 for what has no end of its own."""

    at_s: float
    pool: str
    who: str
    what: str
    why: str
    until_s: float = 0.0


def noticed(
    pool: str, before: Iterable[Override], after: Iterable[Override], then_s: float, now_s: float
) -> list[AuditEntry]:
    """What is new for the audit trail: overrides that were set or taken back, and those whose time has run out.

    `before` is what was known at `then_s`, `after` what is known now, both with what no longer counts.
    """
    known, found = set(before), list(after)
    news = [
        AuditEntry(one.at_s, pool, one.by, one.deed, one.reason, one.until_s if one.value else 0.0)
        for one in found
        if one not in known
    ]
    over = [one for one in found if one.value and then_s < one.until_s <= now_s]
    return news + [AuditEntry(one.until_s, pool, "tidegate", f"{one.deed} over", "its time was up") for one in over]
