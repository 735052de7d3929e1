"""The data plane between grpcio's clients and servers: what no C++ test of it can show."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

import dataplane as dp

SERVICE = "/inference.GRPCInferenceService/"
ROUTES = [
    dp.Route(path=SERVICE + "ModelInfer", kind=dp.RouteKind.INFERENCE),
    dp.Route(path=SERVICE + "ModelStreamInfer", kind=dp.RouteKind.INFERENCE_STREAM),
]
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
REQUEST = b"\x0a\x01m"


class Echo(grpc.GenericRpcHandler):
    def __init__(self, name):
        self.name, self.served, self.cancelled, self.delay_s = name, 0, 0, 0.0
        self.peers, self.released = set(), None

    def service(self, details):
        if details.method.endswith("StreamInfer"):
            return grpc.stream_stream_rpc_method_handler(self.stream)
        return grpc.unary_unary_rpc_method_handler(self.unary)

    async def unary(self, request, context):
        self.served += 1
        self.peers.add(context.peer())
        try:
            await asyncio.sleep(self.delay_s)
            if self.released is not None:
                await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        given = dict(context.invocation_metadata())
        context.set_trailing_metadata((("name", self.name), ("seen-bin", given.get("sent-bin", b""))))
        if b"refuse" in request:
            await context.abort(grpc.StatusCode.NOT_FOUND, "nö: nothing here")
        return request

    async def stream(self, requests, context):
        async for message in requests:
            yield b"\x12" + message


@asynccontextmanager
async def backend(name, *options) -> AsyncIterator[tuple[Echo, str]]:
    handler, server = Echo(name), grpc.aio.server(options=[*UNLIMITED, *options])
    server.add_generic_rpc_handlers((handler,))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield handler, address
    await server.stop(None)


@asynccontextmanager
async def plane(*addresses, threads=2, **more):
    running = dp.DataPlane("127.0.0.1:0", threads=threads, seed=1)
    running.apply(policy(*addresses, **more))
    running.start()
    async with grpc.aio.insecure_channel(running.address, options=UNLIMITED) as channel:
        yield running, channel
    running.stop()


def policy(*addresses, **more):
    backends = [dp.Backend(address=address, models=["m"]) for address in addresses]
    return dp.Policy(backends=backends, models=[dp.Model(name="m")], routes=ROUTES, **more)


async def until(condition):
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def test_unary_metadata_trailers_and_errors_pass():
    async with backend("one") as (_, address), plane(address) as (running, channel):
        infer = channel.unary_unary(SERVICE + "ModelInfer")
        call = infer(REQUEST, metadata=(("sent-bin", b"\x00\xff"),), timeout=10)
        assert await call == REQUEST
        trailing = dict(await call.trailing_metadata())
        assert (trailing["name"], trailing["seen-bin"]) == ("one", b"\x00\xff")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await infer(REQUEST + b"\x1a\x06refuse", timeout=10)
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, "nö: nothing here")
        ended = running.counts().models["m"].ended
        assert (ended["succeeded"], ended["rejected"]) == (1, 1)


async def test_streams_large_messages_and_compression():
    async with backend("one") as (_, address), plane(address) as (running, channel):

        async def requests():
            for _ in range(20):
                yield REQUEST

        stream = channel.stream_stream(SERVICE + "ModelStreamInfer")(requests(), timeout=20)
        assert [answer async for answer in stream] == [b"\x12" + REQUEST] * 20
        infer = channel.unary_unary(SERVICE + "ModelInfer")
        large = REQUEST + b"\x3a\x80\x80\x80\x1e" + b"z" * (60 * 1024 * 1024)
        assert await infer(large, timeout=60) == large
        small = REQUEST + b"\x3a\x80\x10" + b"z" * 2048
        assert await infer(small, compression=grpc.Compression.Gzip, timeout=10) == small
        assert running.counts().models["m"].arrived == 22
        assert running.counts().bytes_in_flight == 0


async def test_a_thousand_at_once_on_both_backends():
    async with backend("one") as (one, a), backend("two") as (two, b), plane(a, b) as (running, channel):
        infer = channel.unary_unary(SERVICE + "ModelInfer")
        answers = await asyncio.gather(*(infer(REQUEST, timeout=30) for _ in range(1000)))
        assert answers == [REQUEST] * 1000
        assert min(one.served, two.served) > 300
        await until(lambda: [state.outstanding for state in running.backends()] == [0, 0])


async def test_a_backend_that_takes_few_streams_is_asked_on_more_connections_up_to_a_number():
    async with (
        backend("one", ("grpc.max_concurrent_streams", 2)) as (one, address),
        plane(address, threads=1, connections_per_backend=3) as (running, channel),
    ):
        infer = channel.unary_unary(SERVICE + "ModelInfer")
        one.released = asyncio.Event()
        calls = []
        for count in range(1, 3 * 2 + 1):
            calls.append(infer(REQUEST, timeout=20))
            await until(lambda count=count: one.served == count)  # a connection knows its limit from here on
            assert len(one.peers) == (count + 1) // 2
        calls += [infer(REQUEST, timeout=20) for _ in range(10)]
        await until(lambda: running.counts().models["m"].outstanding == 16)
        one.released.set()
        assert await asyncio.gather(*calls) == [REQUEST] * 16
        assert len(one.peers) == 3


async def test_deadline_and_cancellation_reach_the_backend():
    async with backend("one") as (slow, address), plane(address) as (running, channel):
        slow.delay_s = 30.0
        infer = channel.unary_unary(SERVICE + "ModelInfer")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await infer(REQUEST, timeout=0.2)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        call = infer(REQUEST, timeout=30)
        await until(lambda: slow.served == 2)
        assert running.backends()[0].outstanding == 1
        call.cancel()
        await until(lambda: slow.cancelled == 2)
        await until(lambda: running.backends()[0].outstanding == 0)


async def test_many_deadlines_that_pass_at_once_are_no_abuse():
    async with backend("one") as (slow, address), plane(address) as (running, channel):
        slow.delay_s = 30.0
        infer = channel.unary_unary(SERVICE + "ModelInfer")
        await asyncio.gather(*(infer(REQUEST, timeout=0.5) for _ in range(1000)), return_exceptions=True)
        slow.delay_s = 0.0
        assert await infer(REQUEST, timeout=10) == REQUEST
        assert running.counts().accepted == 1  # the connection is still the first one
        await until(lambda: running.backends()[0].outstanding == 0)


async def test_held_until_a_backend_comes_and_drained_when_told():
    async with backend("one") as (one, a), backend("two") as (two, b), plane() as (running, channel):
        infer = channel.unary_unary(SERVICE + "ModelInfer")
        waiting = asyncio.ensure_future(infer(REQUEST, timeout=20))
        await until(lambda: running.held == 1)
        running.apply(policy(a))
        assert await waiting == REQUEST
        running.apply(policy(b))
        await asyncio.gather(*(infer(REQUEST, timeout=10) for _ in range(50)))
        assert (one.served, two.served) == (1, 50)


async def test_events_wake_the_loop():
    async with backend("one") as (_, address), plane(address) as (running, channel):
        woken = asyncio.Event()
        asyncio.get_running_loop().add_reader(running.event_fd(), woken.set)
        await channel.unary_unary(SERVICE + "ModelInfer")(REQUEST, timeout=10)
        await asyncio.wait_for(woken.wait(), 10)
        asyncio.get_running_loop().remove_reader(running.event_fd())
        assert ("connected", address) in [(event.kind, event.backend) for event in running.events()]
        now = int(time.time()) + 1
        assert sum(models["m"] for models in running.demand(now - 30, now).values()) == 1


def test_settings_are_checked():
    with pytest.raises(AttributeError):
        dp.Policy(holds=3)
    with pytest.raises(RuntimeError, match="nowhere"):
        dp.DataPlane("nowhere")


def test_a_value_out_of_its_range_is_named():
    with pytest.raises(ValueError, match=r"client_limits.max_streams = 0: must be from 1 to 2147483647"):
        dp.DataPlane("127.0.0.1:0", client_limits=dp.Limits(max_streams=0))
