"""A router whose cluster can't be asked. (One that can: tests/kubernetes.)"""

import json
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos import router_pb2
from router.settings import DiscoverySettings
from tests.support.fake_backend import FakeBackend
from tests.support.processes import free_address
from tests.support.routers import backend_of, routing


def unreachable(folder: Path) -> DiscoverySettings:
    """A cluster at which nobody listens."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
        "clusters": [{"name": "here", "cluster": {"server": f"https://{free_address()}"}}],
        "users": [{"name": "here", "user": {"token": "x"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(config))
    return DiscoverySettings(namespace="here", kubeconfig=folder / "kubeconfig", request_timeout_s=1.0)


async def test_a_router_that_never_heard_of_its_cluster_is_not_ready_and_acknowledges_no_drain(tmp_path: Path) -> None:
    backend = await FakeBackend("digits").start()
    async with routing(backend.address, discovery=unreachable(tmp_path)) as router:
        await router.ready(backend.address)
        assert backend_of(await router.infer(timeout=5)) == backend.address, "what its settings name is served"
        health = await health_pb2_grpc.HealthStub(router.data).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert health.status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router.admin.Drain(router_pb2.DrainRequest(address="10.0.0.9:8011"), timeout=5)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE, "NOT_FOUND would count as an acknowledgement"
        told = (await router.admin.GetState(router_pb2.GetStateRequest())).discovery
        assert (told.endpoints, told.frozen, told.HasField("heard_s_ago")) == (0, True, False)
    await backend.stop()
