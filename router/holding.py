"""The waiting room for requests that no ready replica can take now. PURE; `waiting` is the shell around it."""

from dataclasses import dataclass

from router.backends import Snapshot
from tidegate.shared.errors import HoldFull


@dataclass(slots=True, eq=False)
class Ticket:
    """One waiting request. `tried` are addresses that could not take it, shared with whoever carries the request."""

    model: str
    size_bytes: int
    tried: set[str]


class WaitingRoom:
    """Bounded by number and bytes; first come, first out. Deadlines are kept by the shell, which calls `leave`."""

    def __init__(self, max_requests: int, max_bytes: int, pushback_s: float) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._pushback_s = pushback_s
        self._tickets: dict[Ticket, None] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._tickets)

    def enter(self, model: str, size_bytes: int, tried: set[str]) -> Ticket:
        """Wait for a replica of the model. Raises HoldFull."""
        if len(self._tickets) >= self._max_requests:
            raise HoldFull(
                f"no ready replica of model {model!r}, and {len(self._tickets)} requests wait already "
                f"(hold_requests = {self._max_requests})",
                self._pushback_s,
            )
        if self.bytes + size_bytes > self._max_bytes:
            raise HoldFull(
                f"no ready replica of model {model!r}, and {self.bytes} bytes wait already: no room for "
                f"{size_bytes} more (hold_bytes = {self._max_bytes})",
                self._pushback_s,
            )
        ticket = Ticket(model, size_bytes, tried)
        self._tickets[ticket] = None
        self.bytes += size_bytes
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """The ticket waits no longer; leaving twice changes nothing."""
        if ticket in self._tickets:
            del self._tickets[ticket]
            self.bytes -= ticket.size_bytes

    def released(self, snapshot: Snapshot) -> list[Ticket]:
        """Tickets that need not wait, in order of arrival: a replica is there, or none will come.

        A backend that stopped being ready since it was tried is struck off `tried`: when it is ready again, it is as
        good as a new one (a replica that was restarted at the same address).
        """
        ready = {ticket.model: set(snapshot.ready(ticket.model)) for ticket in self._tickets}
        released = []
        for ticket in self._tickets:
            ticket.tried &= ready[ticket.model]
            if ready[ticket.model] - ticket.tried or not snapshot.may_serve_later(ticket.model):
                released.append(ticket)
        return released

    def held(self) -> dict[str, int]:
        """Number of waiting requests by model."""
        counts: dict[str, int] = {}
        for ticket in tuple(self._tickets):  # a scrape of the metrics reads from another thread
            counts[ticket.model] = counts.get(ticket.model, 0) + 1
        return counts
