"""What passes through the router, and what it makes of it: messages, metadata, statuses, deadlines, streams."""

import asyncio
import time
from collections.abc import AsyncIterator

import grpc
import pytest

from protos import inference_pb2 as pb
from protos import orca_pb2
from tests.support.fake_backend import FakeBackend
from tests.support.routers import Router, backend_of, routing
from tests.support.waiting import until
from tidegate.shared.load_reports import APPLICATION_KEY

Code = grpc.StatusCode


@pytest.fixture
async def backend() -> AsyncIterator[FakeBackend]:
    fake = await FakeBackend("digits").start()
    yield fake
    await fake.stop()


@pytest.fixture(params=[1, 2], ids=lambda threads: f"{threads}-threads")
async def router(backend: FakeBackend, request: pytest.FixtureRequest) -> AsyncIterator[Router]:
    async with routing(backend.address, threads=request.param) as made:
        await made.ready(backend.address)
        yield made


async def test_metadata_passes_both_ways(router: Router, backend: FakeBackend):
    sent = (("traceparent", "00-ab-cd-01"), ("x-initial", "yes"), ("x-raw-bin", b"\x00\xff"), ("tidegate-model", "no"))
    rpc = router.stub.ModelInfer(pb.ModelInferRequest(model_name="digits", id="echo"), metadata=sent)
    await rpc
    assert {key: backend.metadata[0][key] for key, _ in sent} == dict(sent)
    assert dict(await rpc.initial_metadata())["x-initial-back"] == "yes"
    trailing = dict(await rpc.trailing_metadata())
    assert trailing["x-trailer"] == "kept"
    assert orca_pb2.OrcaLoadReport.FromString(trailing[APPLICATION_KEY]).request_cost["rows"] == 3
    assert router.at_rest()


async def test_an_error_passes_back_unchanged_and_is_not_tried_again(router: Router, backend: FakeBackend):
    for code in (Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED, Code.INTERNAL, Code.ABORTED):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router.infer(f"refuse {code.name}")
        assert refusal.value.code() is code
        assert refusal.value.details() == "as you wish"
        assert dict(refusal.value.trailing_metadata())["grpc-retry-pushback-ms"] == "250"
    assert len(backend.requests) == 4
    assert router.ended("rejected") == 1, "INVALID_ARGUMENT is the client's"
    assert router.ended("failed") == 3
    assert router.at_rest()


async def test_a_message_of_60_mb_passes_both_ways(router: Router):
    payload = bytes(60 * 1024 * 1024)
    request = pb.ModelInferRequest(model_name="digits", id="echo", raw_input_contents=[payload])
    answer = await router.stub.ModelInfer(request, timeout=30)
    assert answer.raw_output_contents[0] == payload


async def test_the_deadline_goes_on_and_ends_the_call(router: Router, backend: FakeBackend):
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await router.infer("hang", timeout=0.5)
    assert refusal.value.code() is Code.DEADLINE_EXCEEDED
    assert 0 < (backend.remaining_s[0] or 0) <= 0.6, "less what passed, and what gRPC rounds it up by"
    await until(lambda: router.at_rest() and backend.cancelled == 1)
    await until(lambda: router.ended("failed") == 1)


async def test_cancelling_cancels_at_the_backend_and_gives_the_lease_back(router: Router, backend: FakeBackend):
    call = asyncio.ensure_future(router.infer("hang"))
    await until(lambda: len(backend.requests) == 1)
    assert router.outstanding(backend.address) == 1
    call.cancel()
    await until(lambda: router.at_rest() and backend.cancelled == 1)
    assert router.ended("cancelled") == 1


async def test_load_reports_are_read_from_the_trailer(router: Router, backend: FakeBackend):
    await router.infer()
    await until(lambda: router.of_model().cost_rows == 3)
    assert router.of_backend(backend.address).utilization == 0.25
    assert router.of_backend(backend.address).capacity_rows_per_s == {"digits": 40}


async def test_a_model_that_nobody_has_is_not_found_at_once(router: Router):
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await router.infer(model="nope")
    assert refusal.value.code() is Code.NOT_FOUND
    assert "'nope'" in refusal.value.details()
    assert router.ended("refused", "nope") == 1


async def test_a_request_without_a_model_is_refused(router: Router):
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await router.infer(model="")
    assert refusal.value.code() is Code.INVALID_ARGUMENT
    answer = await router.infer(model="", metadata=(("tidegate-model", "digits"),))
    assert answer.id == "echo"


async def test_unknown_methods_are_carried_by_the_model_in_the_metadata(router: Router, backend: FakeBackend):
    method = "/some.Service/Method"
    call = router.data.unary_unary(method)
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call(b"anything")
    assert refusal.value.code() is Code.UNIMPLEMENTED
    assert method in refusal.value.details()
    # The fake does not know the method either, and says so in its own words.
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call(b"anything", metadata=(("tidegate-model", "digits"),))
    assert refusal.value.code() is Code.UNIMPLEMENTED
    assert refusal.value.details() == "Method not found!"
    # One that it knows, though the router carries it by its metadata alone.
    await until(lambda: router.of_model().arrived == 1)
    assert router.at_rest()


async def test_tritons_shared_memory_rpcs_are_refused_clearly(router: Router):
    with pytest.raises(grpc.aio.AioRpcError, match="does not offer") as refusal:
        await router.stub.SystemSharedMemoryStatus(pb.Unsupported())
    assert refusal.value.code() is Code.UNIMPLEMENTED


async def answers(call: grpc.aio.StreamStreamCall) -> list[str]:
    return [response.infer_response.id async for response in call]


async def ask(*whats: str, model: str = "digits") -> AsyncIterator[pb.ModelInferRequest]:
    for what in whats:
        yield pb.ModelInferRequest(model_name=model, id=what)


async def test_a_stream_is_answered_in_order(router: Router, backend: FakeBackend):
    asked = ["wait 0.2", "echo", "wait 0.05", "echo"]
    assert await answers(router.stub.ModelStreamInfer(ask(*asked))) == asked
    await until(lambda: router.at_rest())
    assert router.of_model().arrived == 4
    assert router.ended("succeeded") == 4


async def test_each_message_in_flight_on_a_stream_is_outstanding(router: Router, backend: FakeBackend):
    call = router.stub.ModelStreamInfer()
    for outstanding in (1, 2, 3):
        await call.write(pb.ModelInferRequest(model_name="digits", id="wait 0.3"))
        await until(lambda count=outstanding: router.outstanding(backend.address) == count)
    await call.read()
    await until(lambda: router.outstanding(backend.address) == 2)
    call.cancel()
    await until(lambda: router.at_rest() and backend.cancelled == 1)


async def test_an_empty_stream_ends_well(router: Router):
    call = router.stub.ModelStreamInfer()
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is Code.OK


async def test_a_stream_for_a_model_that_nobody_has_is_not_found(router: Router):
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await answers(router.stub.ModelStreamInfer(ask("echo", model="nope")))
    assert refusal.value.code() is Code.NOT_FOUND


async def test_work_spreads_over_replicas_by_what_is_outstanding(backend: FakeBackend):
    other = await FakeBackend("digits").start()
    async with routing(backend.address, other.address) as router:
        await router.ready(backend.address, other.address)
        slow = [asyncio.ensure_future(router.infer("wait 0.5")) for _ in range(8)]
        await until(lambda: len(router.at_work()) == 2)
        await until(lambda: sum(router.at_work().values()) == 8)
        assert set(router.at_work().values()) == {4}
        answered_by = [backend_of(await call) for call in slow]
        assert set(answered_by) == {backend.address, other.address}
    await other.stop()


async def test_only_inference_is_demand(router: Router):
    await router.stub.ModelMetadata(pb.ModelMetadataRequest(name="digits"))
    await router.stub.ModelReady(pb.ModelReadyRequest(name="digits"))
    assert router.of_model().arrived == 0
    await router.infer()
    assert router.of_model().arrived == 1


async def test_metrics_tell_what_arrived_and_how_it_ended(router: Router, backend: FakeBackend):
    await router.infer()
    value = router.registry.get_sample_value
    assert value("tidegate_router_requests_arrived_total", {"model": "digits"}) == 1
    await until(lambda: value("tidegate_router_requests_total", {"model": "digits", "outcome": "succeeded"}) == 1)
    assert value("tidegate_router_backends", {"status": "ready"}) == 1
    assert value("tidegate_router_answers_total", {"backend": backend.address, "outcome": "succeeded"}) == 1
    assert value("tidegate_router_request_seconds_count", {"model": "digits"}) == 1


async def test_stopping_lets_what_is_in_flight_end(backend: FakeBackend):
    async with routing(backend.address, drain_s=10.0) as router:
        await router.ready(backend.address)
        call = asyncio.ensure_future(router.infer("wait 0.5"))
        await until(lambda: len(backend.requests) == 1)
        stopping = time.monotonic()
        await router.stop()
        assert (await call).id == "wait 0.5"
        assert time.monotonic() - stopping < 8, "it ends with the last request, not with its time"
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router.infer()
        assert refusal.value.code() is Code.UNAVAILABLE
