"""The admin port: registration, drain with acknowledgement, state, demand; and the repository as one server's."""

import asyncio
import time

import grpc
import pytest

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc, router_pb2, router_pb2_grpc
from tests.support.fake_backend import FakeBackend
from tests.support.routers import Router, backend_of, routing
from tests.support.waiting import until
from tidegate.shared.grpc_server import channel

Code = grpc.StatusCode
Status = router_pb2.BackendState


async def register(router: Router, backend: FakeBackend, replica_id: str = "r1") -> router_pb2.RegisterResponse:
    request = router_pb2.RegisterRequest(replica_id=replica_id, address=backend.address, pool="gpu")
    return await router.admin.Register(request)


async def state(router: Router) -> router_pb2.RouterState:
    return await router.admin.GetState(router_pb2.GetStateRequest())


async def test_the_admin_service_is_not_on_the_data_port_nor_inference_on_the_admin_port():
    async with routing() as router:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router_pb2_grpc.RouterAdminStub(router.data).Drain(router_pb2.DrainRequest(address="x:1"))
        assert refusal.value.code() is Code.UNIMPLEMENTED


async def test_a_registered_replica_is_served_from_and_leaves_when_it_says_so():
    backend = await FakeBackend("digits").start()
    async with routing(registration_ttl_s=12.0) as router:
        assert (await register(router, backend)).ttl_s == 12.0
        await router.ready(backend.address)
        assert backend_of(await router.infer()) == backend.address
        busy = asyncio.ensure_future(router.infer("wait 0.6"))
        await until(lambda: router.outstanding(backend.address) == 1)
        await router.admin.Deregister(router_pb2.DeregisterRequest(address=backend.address))
        assert router.core.table.snapshot.ready("digits") == ()
        assert (await state(router)).backends[0].status == Status.STATUS_DRAINING
        assert (await busy).id == "wait 0.6", "what is in flight ends"
        await until(lambda: router.core.table.snapshot.backends == ())
    await backend.stop()


async def test_a_lapsed_registration_removes_a_replica_only_when_it_is_dead():
    backend = await FakeBackend("digits").start()
    async with routing(registration_ttl_s=0.1) as router:
        await register(router, backend)
        await router.ready(backend.address)
        await asyncio.sleep(1.5)  # past the ttl, and past a sweep
        assert router.core.table.snapshot.ready("digits") == (backend.address,)
        await backend.stop()
        await until(lambda: router.core.table.snapshot.backends == ())


@pytest.mark.parametrize("threads", [1, 2])
async def test_nothing_is_sent_to_a_drained_replica_once_the_drain_is_acknowledged(threads: int):
    drained, other = await FakeBackend("digits").start(), await FakeBackend("digits").start()
    async with routing(drained.address, other.address, threads=threads) as router:
        await router.ready(drained.address, other.address)
        slow = [asyncio.ensure_future(router.infer("wait 0.5")) for _ in range(4)]
        await until(lambda: router.outstanding(drained.address) == 2)
        load = [asyncio.ensure_future(router.infer()) for _ in range(50)]
        acknowledged = await router.admin.Drain(router_pb2.DrainRequest(address=drained.address))
        seen = len(drained.requests)
        # What was picked before may still be on its way to the backend; the acknowledgement has counted it.
        await asyncio.gather(*slow, *load)
        assert len(drained.requests) - seen <= acknowledged.outstanding
        assert acknowledged.outstanding >= 2
        total = len(drained.requests)
        answers = await asyncio.gather(*(router.infer() for _ in range(30)))
        assert {backend_of(answer) for answer in answers} == {other.address}
        assert len(drained.requests) == total
        await router.admin.Resume(router_pb2.ResumeRequest(address=drained.address))
        await router.ready(drained.address, other.address)
    await drained.stop()
    await other.stop()


async def test_what_the_router_does_not_know_or_understand_is_refused_by_name():
    async with routing() as router:
        with pytest.raises(grpc.aio.AioRpcError, match="nobody:1") as refusal:
            await router.admin.Drain(router_pb2.DrainRequest(address="nobody:1"))
        assert refusal.value.code() is Code.NOT_FOUND
        for wrong in (
            router_pb2.RegisterRequest(replica_id="r1", address="no port"),
            router_pb2.RegisterRequest(address="host:1"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await router.admin.Register(wrong)
            assert refusal.value.code() is Code.INVALID_ARGUMENT
        await router.admin.Deregister(router_pb2.DeregisterRequest(address="nobody:1"))


async def test_state_tells_backends_and_models_as_they_are():
    backend = await FakeBackend("digits").start()
    async with routing(router_id="router-7") as router:
        await register(router, backend)
        await router.ready(backend.address)
        await router.infer()
        with pytest.raises(grpc.aio.AioRpcError):
            await router.infer("refuse INTERNAL")
        busy = asyncio.ensure_future(router.infer("wait 0.5"))
        await until(lambda: router.outstanding(backend.address) == 1)
        now = await state(router)
        assert now.router_id == "router-7"
        (seen,) = now.backends
        assert (seen.address, seen.replica_id, seen.pool) == (backend.address, "r1", "gpu")
        assert (seen.status, list(seen.models), seen.outstanding) == (Status.STATUS_READY, ["digits"], 1)
        assert (seen.utilization, dict(seen.capacity_rows_per_s)) == (0.25, {"digits": 40.0})
        assert (seen.succeeded_total, seen.failed_total) == (1, 1)
        (model,) = now.models
        assert (model.model, model.outstanding, model.held, model.cost_rows) == ("digits", 1, 0, 3.0)
        assert (model.arrived_total, model.succeeded_total, model.failed_total) == (3, 1, 1)
        assert model.ready_backends == 1
        await busy
    await backend.stop()


async def test_demand_is_told_second_by_second_with_zeros():
    backend = await FakeBackend("digits", "faces").start()
    async with routing(backend.address) as router:
        await router.ready(backend.address)
        starting = router.core.demand.next_second
        await until(lambda: router.core.demand.next_second > starting)  # a whole second is being counted
        watch = router.admin.WatchDemand(router_pb2.WatchDemandRequest(since_second=starting), timeout=10)
        await asyncio.gather(*(router.infer() for _ in range(7)))
        seconds = {}
        while sum(second.get("digits", 0) for second in seconds.values()) < 7 or len(seconds) < 2:
            reading = await watch.read()
            assert reading.router_id == router.core.router_id
            assert reading.second + 1 <= reading.sent_at_s <= time.time()
            seconds[reading.second] = {model.model: model.arrivals for model in reading.models}
        assert sum(second["digits"] for second in seconds.values()) == 7
        assert all(second["faces"] == 0 for second in seconds.values())
        assert list(seconds) == list(range(min(seconds), min(seconds) + len(seconds)))
        late = router.admin.WatchDemand(router_pb2.WatchDemandRequest(since_second=min(seconds)), timeout=10)
        assert (await late.read()).second == min(seconds), "who comes late can still read it"
        watch.cancel()
        late.cancel()
    await backend.stop()


RETRYING = """{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.01s",
  "maxBackoff": "0.01s", "backoffMultiplier": 1, "retryableStatusCodes": ["ABORTED"]}}]}"""


async def test_a_client_that_tries_again_by_itself_is_one_demand():
    backend = await FakeBackend("digits").start()
    async with routing(backend.address) as router:
        await router.ready(backend.address)
        async with channel(router.listen, (("grpc.service_config", RETRYING),)) as retrying:
            stub = inference_pb2_grpc.GRPCInferenceServiceStub(retrying)
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.ModelInfer(pb.ModelInferRequest(model_name="digits", id="refuse ABORTED"))
        assert len(backend.requests) == 3
        assert router.of_model().arrived == 1
    await backend.stop()


async def test_the_repository_is_that_of_all_backends():
    one, two = await FakeBackend("digits").start(), await FakeBackend("digits", "faces").start()
    async with routing(one.address, two.address) as router:
        await router.ready(one.address, two.address)
        index = await router.stub.RepositoryIndex(pb.RepositoryIndexRequest())
        assert [(model.name, model.state) for model in index.models] == [("digits", "READY"), ("faces", "READY")]
        assert (await router.stub.ServerReady(pb.ServerReadyRequest())).ready
        assert (await router.stub.ServerLive(pb.ServerLiveRequest())).live
        assert "model_repository" in (await router.stub.ServerMetadata(pb.ServerMetadataRequest())).extensions
        digits = await router.stub.ModelStatistics(pb.ModelStatisticsRequest(name="digits"))
        assert [(model.name, model.inference_count) for model in digits.model_stats] == [("digits", 10)]
        every = await router.stub.ModelStatistics(pb.ModelStatisticsRequest())
        assert {model.name: model.inference_count for model in every.model_stats} == {"digits": 10, "faces": 5}
        assert not (await router.stub.ModelReady(pb.ModelReadyRequest(name="nope"))).ready
    await one.stop()
    await two.stop()


async def test_loading_and_unloading_reach_every_backend_and_the_next_request():
    one, two = await FakeBackend("digits").start(), await FakeBackend("digits").start()
    async with routing(one.address, two.address, health_interval_s=60) as router:
        await router.ready(one.address, two.address)
        await router.stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="faces"))
        assert one.models == two.models == ["digits", "faces"]
        assert (await router.stub.ModelReady(pb.ModelReadyRequest(name="faces"))).ready
        assert (await router.infer(model="faces")).model_name == "faces"
        await router.stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="faces"))
        assert not (await router.stub.ModelReady(pb.ModelReadyRequest(name="faces"))).ready
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router.infer(model="faces")
        assert refusal.value.code() is Code.NOT_FOUND
        with pytest.raises(grpc.aio.AioRpcError, match=r"broken: bad file.*broken: bad file") as refusal:
            await router.stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="broken"))
        assert refusal.value.code() is Code.INTERNAL
    await one.stop()
    await two.stop()


async def test_a_model_that_a_backend_loads_by_itself_is_found():
    backend = await FakeBackend("digits").start()
    async with routing(backend.address) as router:
        await router.ready(backend.address)
        backend.models.append("faces")
        await router.ready(backend.address, model="faces")
    await backend.stop()
