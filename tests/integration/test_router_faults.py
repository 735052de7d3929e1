"""Replicas that refuse, vanish, come late or not at all: nothing is lost that had not begun to be answered."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc, router_pb2
from tests.support.fake_backend import FakeBackend
from tests.support.processes import free_address, started, wait_until_serving
from tests.support.routers import Router, backend_of, routing
from tests.support.waiting import until
from tidegate.shared.grpc_server import channel

Code = grpc.StatusCode
SEPARATE = (("grpc.use_local_subchannel_pool", 1),)  # a connection of its own, maybe to another thread


@contextmanager
def killable(address: str, *models: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "tests.support.fake_backend", address, *models])
    try:
        yield process
    finally:
        process.kill()
        process.wait(5)


def in_flight(router: Router, address: str) -> int:
    return router.outstanding(address)


async def test_kill_9_with_requests_in_flight_loses_none():
    victim, other = free_address(), await FakeBackend("digits").start()
    with killable(victim, "digits") as process:
        async with routing(victim, other.address) as router:
            await router.ready(victim, other.address)
            calls = [asyncio.ensure_future(router.infer("wait 0.5", timeout=20)) for _ in range(40)]
            await until(lambda: in_flight(router, victim) == 20)
            process.send_signal(signal.SIGKILL)
            calls += [asyncio.ensure_future(router.infer("echo", timeout=20)) for _ in range(40)]
            by = Counter(backend_of(answer) for answer in await asyncio.gather(*calls))
            assert by == {other.address: 80}
            await router.ready(other.address)
            assert router.at_work() == {}
            assert router.of_model().retried >= 20
            assert router.of_model().arrived == 80, "the router's own retries are no demand"
    await other.stop()


async def test_a_stream_that_was_not_answered_yet_moves_to_another_replica():
    victim, late = free_address(), FakeBackend("digits")
    with killable(victim, "digits") as process:
        async with routing(victim) as router:
            await router.ready(victim)
            call = router.stub.ModelStreamInfer(timeout=20)
            for number in ("wait 1", "echo"):
                await call.write(pb.ModelInferRequest(model_name="digits", id=number))
            await until(lambda: in_flight(router, victim) == 2)
            process.send_signal(signal.SIGKILL)
            await until(lambda: in_flight(router, victim) == 0)
            await late.start(victim)
            await until(lambda: in_flight(router, victim) == 2)
            await call.write(pb.ModelInferRequest(model_name="digits", id="echo"))
            await call.done_writing()
            assert [(await call.read()).infer_response.id for _ in range(3)] == ["wait 1", "echo", "echo"]
            assert await call.read() is grpc.aio.EOF
    await late.stop()


async def test_a_stream_that_was_answered_is_not_moved():
    victim, other = free_address(), await FakeBackend("digits").start()
    other.says_not_ready = True  # the stream begins on the victim, whichever is picked first
    with killable(victim, "digits") as process:
        async with routing(victim, other.address) as router:
            await router.ready(victim, other.address)
            call = router.stub.ModelStreamInfer(timeout=20)
            await call.write(pb.ModelInferRequest(model_name="digits", id="echo"))
            assert (await call.read()).infer_response.id == "echo"
            other.says_not_ready = False
            await call.write(pb.ModelInferRequest(model_name="digits", id="hang"))
            await until(lambda: in_flight(router, victim) == 1)
            process.send_signal(signal.SIGKILL)
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await call.read()
            assert refusal.value.code() is Code.UNAVAILABLE
            await until(lambda: router.at_work() == {})
    await other.stop()


async def test_refused_connections_go_to_another_replica_even_without_health_checks():
    nobody, other = free_address(), await FakeBackend("digits").start()
    async with routing(nobody, other.address, health_checks=False) as router:
        answers = await asyncio.gather(*(router.infer(timeout=10) for _ in range(20)))
        assert {backend_of(answer) for answer in answers} == {other.address}
    await other.stop()


async def test_a_replica_that_says_not_now_is_passed_over():
    leaving, other = await FakeBackend("digits").start(), await FakeBackend("digits").start()
    leaving.says_not_ready = True
    async with routing(leaving.address, other.address) as router:
        await router.ready(leaving.address, other.address)
        answers = await asyncio.gather(*(router.infer(timeout=10) for _ in range(20)))
        assert {backend_of(answer) for answer in answers} == {other.address}
    await leaving.stop()
    await other.stop()


async def test_when_all_were_tried_a_request_waits_for_one_that_can():
    only = await FakeBackend("digits").start()
    only.says_not_ready = True
    async with routing(only.address) as router:
        await router.ready(only.address)
        call = asyncio.ensure_future(router.infer(timeout=10))
        await until(lambda: router.held == 1)
        only.says_not_ready = False
        assert backend_of(await call) == only.address
    await only.stop()


async def test_when_none_can_in_time_the_last_word_of_a_replica_is_passed_on():
    only = await FakeBackend("digits").start()
    only.says_not_ready = True
    async with routing(only.address, hold_s=0.3) as router:
        await router.ready(only.address)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router.infer(timeout=10)
        assert (refusal.value.code(), refusal.value.details()) == (Code.UNAVAILABLE, "shutting down")
    await only.stop()


async def test_a_request_that_kills_replicas_is_not_handed_to_all_of_them():
    addresses = sorted(free_address() for _ in range(4))
    with (
        killable(addresses[0], "digits") as a,
        killable(addresses[1], "digits") as b,
        killable(addresses[2], "digits") as c,
        killable(addresses[3], "digits") as d,
    ):
        async with routing(*addresses) as router:
            await router.ready(*addresses)
            call = asyncio.ensure_future(router.infer("hang", timeout=20))
            processes = dict(zip(addresses, (a, b, c, d), strict=True))
            for _ in range(3):
                await until(lambda: len(router.at_work()) == 1)
                (address,) = router.at_work()
                processes.pop(address).send_signal(signal.SIGKILL)
                await until(lambda gone=address: in_flight(router, gone) == 0)
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await call
            assert refusal.value.code() is Code.UNAVAILABLE
            assert all(process.poll() is None for process in processes.values())


async def test_a_request_waits_for_the_first_replica_and_is_served():
    async with routing() as router:
        held = [asyncio.ensure_future(router.infer(timeout=20)) for _ in range(5)]
        await until(lambda: router.held == 5)
        backend = await FakeBackend("digits").start(serving=False)
        router.core.table.add_static(backend.address)
        await asyncio.sleep(0.2)
        assert router.of_model().held == 5, "it is not ready yet"
        await backend.health.set(serving=True)
        assert {backend_of(answer) for answer in await asyncio.gather(*held)} == {backend.address}
        assert router.held == 0
        await backend.stop()


async def test_a_replica_that_restarts_at_its_address_is_found_again():
    address = free_address()
    first = await FakeBackend("digits").start(address)
    async with routing(address) as router:
        await router.ready(address)
        await first.stop()
        await router.ready()
        call = asyncio.ensure_future(router.infer(timeout=10))
        await until(lambda: router.held == 1)
        second = await FakeBackend("digits").start(address)
        assert backend_of(await call) == address
        await second.stop()


async def test_the_waiting_room_refuses_what_it_has_no_room_for():
    async with routing(hold_requests=2) as router:
        held = [asyncio.ensure_future(router.infer(timeout=5)) for _ in range(2)]
        await until(lambda: router.held == 2)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router.infer()
        assert refusal.value.code() is Code.RESOURCE_EXHAUSTED
        assert int(dict(refusal.value.trailing_metadata())["grpc-retry-pushback-ms"]) > 0
        for call in held:
            call.cancel()
        await until(lambda: router.held == 0)
        assert router.of_model().arrived == 3, "what is refused is demand too"


async def test_waiting_ends_with_the_requests_own_deadline_or_with_hold_s():
    async with routing(hold_s=0.4) as router:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router.infer(timeout=0.1)
        assert refusal.value.code() is Code.DEADLINE_EXCEEDED
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router.infer(timeout=10)
        assert refusal.value.code() is Code.UNAVAILABLE
        assert "hold_s = 0.4" in refusal.value.details()
        await until(lambda: router.held == 0)


async def test_what_the_next_replica_would_be_too_late_for_is_refused_at_once_with_the_time():
    async with routing() as router:
        held = asyncio.ensure_future(router.infer(timeout=20))
        await until(lambda: router.held == 1)
        expected = router_pb2.ExpectRequest(pool="gpu", models=["digits"], ready_in_s=8, valid_s=60)
        await router.admin.Expect(expected)
        with pytest.raises(grpc.aio.AioRpcError, match="too late for this request") as refusal:
            await router.infer(timeout=5)
        assert refusal.value.code() is Code.UNAVAILABLE
        assert 6000 < int(dict(refusal.value.trailing_metadata())["grpc-retry-pushback-ms"]) <= 8000
        state = await router.admin.GetState(router_pb2.GetStateRequest())
        assert 6 < state.models[0].next_ready_in_s <= 8
        backend = await FakeBackend("digits").start()
        router.core.table.add_static(backend.address)
        assert backend_of(await held) == backend.address, "what it can save is held"
        await backend.stop()


async def test_what_is_held_already_is_refused_when_it_turns_out_to_be_too_late():
    async with routing() as router:
        held = asyncio.ensure_future(router.infer(timeout=10))
        await until(lambda: router.held == 1)
        await router.admin.Expect(router_pb2.ExpectRequest(pool="gpu", models=["digits"], ready_in_s=60, valid_s=60))
        with pytest.raises(grpc.aio.AioRpcError, match="too late for this request"):
            await held


async def test_a_starting_replica_is_expected_as_long_after_its_registration_as_others_took():
    gone, late = await FakeBackend("digits").start(), await FakeBackend("digits").start(serving=False)
    async with routing() as router:
        await router.admin.Register(router_pb2.RegisterRequest(replica_id="r1", address=gone.address, pool="gpu"))
        await router.ready(gone.address)
        await router.admin.Deregister(router_pb2.DeregisterRequest(address=gone.address))
        for _ in range(5):  # the quick start above counts too
            router.core.arrivals.observe_start("gpu", 30.0)
        await router.admin.Register(router_pb2.RegisterRequest(replica_id="r2", address=late.address, pool="gpu"))
        with pytest.raises(grpc.aio.AioRpcError, match="too late for this request"):
            await router.infer(timeout=5)
    await gone.stop()
    await late.stop()


@pytest.mark.parametrize("threads", [1, 2])
async def test_what_waited_is_spread_over_the_replicas_that_become_ready(threads: int):
    first, second = await FakeBackend("digits").start(), await FakeBackend("digits").start()
    async with AsyncExitStack() as stack:
        router = await stack.enter_async_context(routing(threads=threads, hold_release_outstanding=4))
        others = [await stack.enter_async_context(channel(router.listen, SEPARATE)) for _ in range(3)]
        stubs = [inference_pb2_grpc.GRPCInferenceServiceStub(one) for one in others]
        request = pb.ModelInferRequest(model_name="digits", id="wait 0.1")
        calls = [asyncio.ensure_future(stubs[k % 3].ModelInfer(request, timeout=20)) for k in range(36)]
        await until(lambda: router.held == 36)
        router.core.table.add_static(first.address)
        await until(lambda: router.outstanding(first.address) > 0)
        assert router.outstanding(first.address) <= 4 * threads, "threads may each let one more in at the same moment"
        router.core.table.add_static(second.address)
        by = Counter(backend_of(answer) for answer in await asyncio.gather(*calls))
        assert min(by.values()) >= 8, f"{by}: the first one ready had not taken them all"
        assert router.at_rest()
    await first.stop()
    await second.stop()


async def test_a_replica_that_fails_fast_is_ejected_seen_as_such_and_returns():
    bad, good = await FakeBackend("digits").start(), await FakeBackend("digits").start()
    quick = {"consecutive_failures": 3, "base_ejection_s": 2.0}
    async with routing(bad.address, good.address, ejection=quick) as router:
        await router.ready(bad.address, good.address)
        bad.fails = True
        for _ in range(20):
            await asyncio.gather(*(router.infer(timeout=10) for _ in range(2)), return_exceptions=True)
        assert len(bad.requests) < 10, "failing fast does not attract"
        state = await router.admin.GetState(router_pb2.GetStateRequest())
        ejected = {one.address: one.ejected for one in state.backends}
        assert ejected == {bad.address: True, good.address: False}
        value = router.registry.get_sample_value
        await until(lambda: value("tidegate_router_ejections_total", {"backend": bad.address}) == 1)
        bad.fails = False
        await until(lambda: value("tidegate_router_ejected", {"backend": bad.address}) == 0)
        await asyncio.gather(*(router.infer("wait 0.05", timeout=10) for _ in range(20)))
        assert sum(request.id == "wait 0.05" for request in bad.requests) > 0
    await bad.stop()
    await good.stop()


async def test_stopping_refuses_what_waits_at_once():
    async with routing() as router:
        call = asyncio.ensure_future(router.infer(timeout=20))
        await until(lambda: router.held == 1)
        await router.stop()
        with pytest.raises(grpc.aio.AioRpcError, match="router is stopping") as refusal:
            await call
        assert refusal.value.code() is Code.UNAVAILABLE


def test_the_process_stops_in_order_on_sigterm(tmp_path: Path):
    address, admin = free_address(), free_address()
    log = tmp_path / "router.log"
    with started(["router", "--listen", address, "--admin", admin, "--backend", free_address()], log) as process:
        wait_until_serving(address, process, log)
        wait_until_serving(admin, process, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, log.read_text()
