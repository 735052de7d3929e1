"""The replicas of one pool, from asked for to gone. PURE: sightings go in, what counts and whom to stop comes out.

A replica is *starting* until a router has seen it ready, *ready* while one does, *stopping* once it was chosen to go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scaler.readings import BackendReading
from tidegate.shared.values import BackendStatus

LONGEST_BACK_OFF_S = 60.0
"""Replicas that keep dying before they are ready are tried again after 1, 2, 4 … and at most so many seconds."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica that a launcher keeps."""

    id: str
    asked_at_s: float


@dataclass(slots=True)
class _Member:
    asked_at_s: float
    was_ready: bool = False
    stopping: bool = False
    backend: BackendReading | None = None

    @property
    def is_ready(self) -> bool:
        return self.backend is not None and self.backend.status is BackendStatus.READY


@dataclass(frozen=True, slots=True)
class Start:
    """One start that came to its end, by what is known of it beside its lead: the node pool, and the seconds of each of
    its parts."""

    lead_s: float
    node_pool: str
    stages_s: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class FleetView:
    """The pool at one moment. `leads_s` are the starts that came to their end just now, asked to ready."""

    ready: int
    starting_asked_at_s: tuple[float, ...]
    stopping: int
    leads_s: tuple[float, ...] = ()
    died_starting: int = 0
    failed_starts: int = 0
    """Replicas that died before they were ready since one last became ready, or that can't start as they stand."""
    starts: tuple[Start, ...] = ()
    """Those starts and their parts, where more is known of them."""

    @property
    def starting(self) -> int:
        """Replicas on their way."""
        return len(self.starting_asked_at_s)

    def starting_ready_in_s(self, now_s: float, lead_s: float, overdue_s: float) -> tuple[float, ...]:
        """Seconds until each starting replica should be ready; one that is late is expected in `overdue_s`."""
        left = (asked + lead_s - now_s for asked in self.starting_asked_at_s)
        return tuple(seconds if seconds > 0 else overdue_s for seconds in left)


@dataclass(slots=True)
class Fleet:
    """Book-keeping of one pool's replicas."""

    failed_starts: int = 0
    """Replicas that died before they were ready, since one last became ready."""
    _members: dict[str, _Member] = field(default_factory=dict)
    _strangers: tuple[BackendReading, ...] = ()
    _start_again_at_s: float = 0.0

    def observe(
        self, now_s: float, replicas: Iterable[Replica], backends: Mapping[str, BackendReading] | None
    ) -> FleetView:
        """Take in who lives and what the routers say; `backends` None when no router spoke (the last view stands).

        Backends of the pool that the launcher doesn't keep count when they are ready or start, and are never stopped.
        """
        alive = {replica.id: replica for replica in replicas}
        died = self._bury(now_s, alive)
        self.asked(alive.values())
        leads = [] if backends is None else self._note(now_s, backends)
        if backends is not None:
            self._strangers = tuple(one for key, one in backends.items() if key not in alive)
        members = self._members.values()
        starting = [one.asked_at_s for one in members if not one.is_ready and not one.stopping]
        return FleetView(
            ready=sum(one.is_ready and not one.stopping for one in members)
            + sum(one.status is BackendStatus.READY for one in self._strangers),
            starting_asked_at_s=(
                *starting,
                *(now_s for one in self._strangers if one.status is BackendStatus.STARTING),
            ),
            stopping=sum(one.stopping for one in members),
            leads_s=tuple(leads),
            died_starting=died,
            failed_starts=self.failed_starts,
        )

    def asked(self, replicas: Iterable[Replica]) -> None:
        """Know replicas from the moment they are asked for: one may die before anybody looks again."""
        for replica in replicas:
            self._members.setdefault(replica.id, _Member(replica.asked_at_s))

    def may_start(self, now_s: float) -> bool:
        """False while the back-off after failed starts lasts."""
        return now_s >= self._start_again_at_s

    def stop(self, count: int) -> list[tuple[str, str | None]]:
        """Choose `count` replicas to go, now stopping: (id, address when a router knows it).

        The youngest that only starts goes first (nobody misses it), then the ready one with the least outstanding.
        """
        there = [(id_, one) for id_, one in self._members.items() if not one.stopping]
        there.sort(key=lambda entry: _victim_order(entry[1]))
        chosen = there[: max(0, count)]
        for _, one in chosen:
            one.stopping = True
        return [(id_, one.backend.address if one.backend else None) for id_, one in chosen]

    def keep(self, id_: str) -> None:
        """Take a choice to stop back."""
        if id_ in self._members:
            self._members[id_].stopping = False

    def _bury(self, now_s: float, alive: Mapping[str, Replica]) -> int:
        gone = [self._members.pop(id_) for id_ in list(self._members) if id_ not in alive]
        died = sum(not one.was_ready and not one.stopping for one in gone)
        if died:
            self.failed_starts += died
            self._start_again_at_s = now_s + min(LONGEST_BACK_OFF_S, 2.0 ** min(self.failed_starts - 1, 10))
        return died

    def _note(self, now_s: float, backends: Mapping[str, BackendReading]) -> list[float]:
        leads = []
        for id_, one in self._members.items():
            one.backend = backends.get(id_)
            if one.is_ready and not one.was_ready:
                one.was_ready = True
                self.failed_starts = 0
                leads.append(now_s - one.asked_at_s)
        return leads


def _victim_order(member: _Member) -> tuple[int, float]:
    if member.is_ready and member.backend is not None:
        return 1, member.backend.outstanding
    return 0, -member.asked_at_s
