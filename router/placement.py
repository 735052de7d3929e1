"""One request's way to a replica: the least loaded that it has not tried, or the waiting room until there is one."""

import asyncio
import time

import grpc

from router.core import Core
from router.leases import Lease
from router.settings import RouterSettings
from router.tallies import Outcome
from router.waiting import Hold
from tidegate.shared.errors import DeadlinePassed, ModelNotFound, ModelNotReady

LOST_LIMIT = 3
"""Connections that one request may see break under it. A request that kills whoever runs it must not be handed
round until no replica is left; three breaks by mere chance would need three crashes within one request's time."""

_CLIENT_ERRORS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


def outcome_of(code: grpc.StatusCode) -> Outcome:
    """How an answer with this status is counted."""
    if code is grpc.StatusCode.OK:
        return Outcome.SUCCEEDED
    if code is grpc.StatusCode.CANCELLED:
        return Outcome.CANCELLED
    return Outcome.REJECTED if code in _CLIENT_ERRORS else Outcome.FAILED


def connection_broke(error: grpc.aio.AioRpcError) -> bool:
    """Whether the connection was lost under the request, which the backend may have had in its hands.

    Only gRPC's texts tell this UNAVAILABLE from a refused connection ("failed to connect to all addresses") and from a
    backend's own answer; grpcio 1.81 says "Stream removed (Socket closed)" when the peer was killed.
    """
    return any(sign in (error.details() or "") for sign in ("Stream removed", "Socket closed", "Connection reset"))


class Placement:
    """Where one request is sent, as often as needed, and how it ended. Made at its arrival, ended exactly once."""

    def __init__(
        self, core: Core, hold: Hold, settings: RouterSettings, model: str, size_bytes: int, remaining_s: float | None
    ) -> None:
        self.model = model
        self.label = core.names.label(model)
        self.outcome = Outcome.REFUSED
        self._core = core
        self._hold = hold
        self._settings = settings
        self._size_bytes = size_bytes
        self._started_s = time.monotonic()
        self._deadline_s = None if remaining_s is None else self._started_s + remaining_s
        self._hold_until_s: float | None = None
        self._tried: set[str] = set()
        self._lost = 0
        self._was_sent = False
        self._last_error: grpc.aio.AioRpcError | None = None

    @property
    def seconds(self) -> float:
        """Time since arrival."""
        return time.monotonic() - self._started_s

    def deadline_passed(self) -> bool:
        """Whether the request's own deadline is over."""
        return self._deadline_s is not None and time.monotonic() >= self._deadline_s

    def ended(self) -> Outcome:
        """The last word on how it ended. gRPC cancels us at the deadline just as when the client goes away."""
        if self.outcome is Outcome.CANCELLED and self.deadline_passed():
            return Outcome.FAILED if self._was_sent else Outcome.REFUSED
        return self.outcome

    async def next(self) -> Lease:
        """A lease on the replica to send to. Between it and the call nothing may wait, or a drain could not be sure.

        Raises ModelNotFound, ModelNotReady, DeadlinePassed, HoldFull, ShuttingDown, or the last backend's error
        (AioRpcError) when no other replica came in time.
        """
        core = self._core
        while True:
            snapshot = core.table.snapshot
            address = core.balancer.pick(snapshot.ready(self.model), self._tried)
            if address is not None:
                self.outcome = Outcome.CANCELLED  # until the backend's answer says otherwise
                self._was_sent = True
                return core.leases.take(address, self.label)
            if self._last_error is None and not snapshot.may_serve_later(self.model):
                raise ModelNotFound(f"no backend has a model {self.model!r}")
            await self._wait()

    def failed(self, address: str, error: grpc.aio.AioRpcError) -> None:
        """The replica could not take it. Raises the error itself when another replica must not be tried."""
        self.outcome = outcome_of(error.code())
        self._core.tallies.answered(address, self.outcome)
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise error
        self._lost += connection_broke(error)
        if self._lost >= LOST_LIMIT:
            raise error
        self._tried.add(address)
        self._last_error = error
        self._core.tallies.retried[self.label] += 1

    async def _wait(self) -> None:
        """Wait for news, within the deadline and `hold_s`; after a failed try for `health_interval_s` at most.

        A replica that answered "not now" may be able a moment later without any change in the table (a model that is
        loaded again): that is when it is asked again.
        """
        now_s = time.monotonic()
        if self._hold_until_s is None:
            self._hold_until_s = now_s + self._settings.hold_s
            if self._deadline_s is not None:
                self._hold_until_s = min(self._hold_until_s, self._deadline_s)
        left_s = self._hold_until_s - now_s
        if left_s <= 0:
            self._give_up()
        pause_s = min(left_s, self._settings.health_interval_s) if self._tried else left_s
        try:
            await self._hold.wait(self.model, self._size_bytes, self._tried, pause_s)
        except TimeoutError:
            self._tried.clear()
        except asyncio.CancelledError:
            self.outcome = Outcome.CANCELLED
            raise

    def _give_up(self) -> None:
        if self._last_error is not None:
            raise self._last_error
        if self.deadline_passed():
            raise DeadlinePassed(f"no replica of model {self.model!r} became ready within the request's deadline")
        statuses = [f"{backend.address} is {backend.status}" for backend in self._core.table.snapshot.backends]
        raise ModelNotReady(
            f"no replica of model {self.model!r} became ready within hold_s = {self._settings.hold_s:g}; "
            f"backends: {', '.join(statuses) or 'none'}"
        )
