"""Carries streams (and, with them, methods that the router does not know) as bytes, each on one replica."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import grpc

from router import headers
from router.carrier import Road, model_of, relay, send_initial
from router.leases import Lease
from router.placement import Placement
from router.tallies import Outcome
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.grpc_errors import rpc

REPLAY_BYTES = 4 * 1024 * 1024
"""Messages of a stream that are kept until the first answer, to be sent again if the replica is lost before it."""

Inbox = asyncio.Queue[bytes | None]


@asynccontextmanager
async def _read(requests: AsyncIterator[bytes], arrived: Callable[[bytes], None]) -> AsyncIterator[Inbox]:
    """The client's messages, then None. One task reads them for the whole stream: a read can't be taken back when
    a replica is lost in the middle of it. One message is read ahead, so that a slow replica slows its client."""
    inbox: Inbox = asyncio.Queue(maxsize=1)

    async def read() -> None:
        async for message in requests:
            arrived(message)
            await inbox.put(message)
        await inbox.put(None)

    reader = asyncio.create_task(read())
    try:
        yield inbox
    finally:
        await _end(reader)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):  # what ended it is told by the call itself
        await task


class _Stream:
    """One client's stream: what was sent and not answered, and what must be sent again to another replica."""

    def __init__(self, road: Road, placement: Placement, first: bytes) -> None:
        self._road = road
        self._placement = placement
        self._in_flight: deque[Lease] = deque()
        self._sent: list[bytes] | None = [first]
        self._sent_bytes = len(first)
        self._client_done = False
        self.unanswered = 1

    @property
    def may_move(self) -> bool:
        """Whether another replica may be given the stream: nothing was answered, and all that was sent is kept."""
        return self._sent is not None

    def begin(self, lease: Lease) -> None:
        """Everything that was sent is now outstanding on the lease's backend."""
        more = (self._lease(lease.backend) for _ in (self._sent or ())[1:])
        self._in_flight = deque([lease, *more])

    async def send(self, call: grpc.aio.StreamStreamCall, backend: str, inbox: Inbox) -> None:
        """Write what a lost replica had been sent, then what comes. A call that ends tells why to its reader."""
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            for message in tuple(self._sent or ()):
                await call.write(message)
            while not self._client_done:
                coming = await inbox.get()
                if coming is None:
                    self._client_done = True
                    break
                self._remember(coming)
                self._in_flight.append(self._lease(backend))
                await call.write(coming)
            await call.done_writing()

    def answered(self, backend: str, *, failed: bool) -> None:
        """One response came: the oldest message in flight is answered, and the stream stays where it is."""
        self._sent = None
        outcome = Outcome.FAILED if failed else Outcome.SUCCEEDED
        if self._in_flight:
            self._in_flight.popleft().release()
            self.unanswered -= 1
            self._road.core.tallies.answered(backend, outcome)
            self._road.core.tallies.ended(self._placement.label, outcome)

    def release(self) -> None:
        """Nothing is in flight any more."""
        for lease in self._in_flight:
            lease.release()
        self._in_flight.clear()

    def _lease(self, backend: str) -> Lease:
        return self._road.core.leases.take(backend, self._placement.label)

    def _remember(self, message: bytes) -> None:
        self.unanswered += 1
        if self._sent is not None:
            self._sent.append(message)
            self._sent_bytes += len(message)
            if self._sent_bytes > REPLAY_BYTES:
                self._sent = None


class StreamCarrier:
    """Carries one bidirectional method; on the wire every other kind of method is a case of it.

    `is_inference_stream`: responses are ModelStreamInferResponse, each the answer to one message. Otherwise the model
    stands in the metadata and the message is not looked at.
    """

    def __init__(self, road: Road, method: str, *, is_inference_stream: bool) -> None:
        self._road = road
        self._method = method
        self._is_inference_stream = is_inference_stream

    @rpc
    async def carry(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> None:
        """One stream to one replica, and its answers back."""
        metadata = dict(context.invocation_metadata())

        def model_for(message: bytes) -> str:
            if self._is_inference_stream:
                return model_of(message, metadata)
            return str(metadata[headers.MODEL_KEY])

        def arrived(message: bytes) -> None:
            with suppress(InvalidRequest):  # the replica says what is wrong with it
                self._road.arrived(model_for(message), metadata)

        async with _read(requests, arrived) as inbox:
            first = await inbox.get()
            if first is None:
                return
            placement = self._road.place(model_for(first), len(first), context)
            stream = _Stream(self._road, placement, first)
            try:
                await self._until_ended(stream, placement, inbox, context)
            except grpc.aio.AioRpcError as error:
                await relay(context, error)

    async def _until_ended(
        self, stream: _Stream, placement: Placement, inbox: Inbox, context: grpc.aio.ServicerContext
    ) -> None:
        """Carry the stream to its end, on as many replicas as it takes to get a first answer."""
        try:
            while not await self._attempt(stream, placement, inbox, context):
                pass
        finally:
            stream.release()
            for _ in range(stream.unanswered):
                self._road.core.tallies.ended(placement.label, placement.ended())

    async def _attempt(
        self, stream: _Stream, placement: Placement, inbox: Inbox, context: grpc.aio.ServicerContext
    ) -> bool:
        """Carry the stream on the next replica; False when it could not take it and another may."""
        lease = await placement.next()
        stream.begin(lease)
        call = self._road.channels.stream(lease.backend, self._method)(
            timeout=context.time_remaining(), metadata=headers.onward(context.invocation_metadata())
        )
        sender = asyncio.create_task(stream.send(call, lease.backend, inbox))
        try:
            await self._receive(call, stream, lease.backend, context)
            trailing = await call.trailing_metadata()
            self._road.read_report(lease.backend, lease.model, trailing)
            context.set_trailing_metadata(headers.back(trailing))
            placement.outcome = Outcome.SUCCEEDED
        except grpc.aio.AioRpcError as error:
            self._road.read_report(lease.backend, lease.model, error.trailing_metadata())
            placement.failed(lease.backend, error)
            if not stream.may_move:
                raise
            stream.release()
            return False
        finally:
            await _end(sender)
            call.cancel()
        return True

    async def _receive(
        self, call: grpc.aio.StreamStreamCall, stream: _Stream, backend: str, context: grpc.aio.ServicerContext
    ) -> None:
        """Pass responses on until the backend ends the stream. Raises AioRpcError."""
        response = await call.read()
        if response is not grpc.aio.EOF:
            await send_initial(context, await call.initial_metadata())
        while response is not grpc.aio.EOF:
            # Field 1 of ModelStreamInferResponse (0a: field 1, length-delimited) is the error message.
            stream.answered(backend, failed=self._is_inference_stream and response[:1] == b"\x0a")
            await context.write(response)
            response = await call.read()
