"""A router finds its replicas in a real API server's EndpointSlices, with the rights that the manifests give it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from protos import router_pb2
from router.settings import DiscoverySettings
from tests.kubernetes.accounts import kubeconfig_of, make_accounts
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.slices import Slices
from tests.support.fake_backend import FakeBackend
from tests.support.routers import Router, backend_of, routing
from tests.support.waiting import until


@dataclass
class Scene:
    """A router that follows the namespace, and two backends that it can find there."""

    router: Router
    slices: Slices
    one: FakeBackend
    two: FakeBackend

    async def offered(self, *backends: FakeBackend) -> None:
        await self.router.ready(*(one.address for one in backends))


@contextlib.asynccontextmanager
async def scene(plane: ControlPlane, cluster: Cluster, **settings: object) -> AsyncIterator[Scene]:
    kubeconfig = await kubeconfig_of(plane, cluster, "tidegate-router")
    place = {"namespace": cluster.namespace, "kubeconfig": kubeconfig, "request_timeout_s": 2}
    discovery = DiscoverySettings(**{**place, **settings})
    one, two = await FakeBackend("digits").start(), await FakeBackend("digits").start()
    try:
        async with routing(discovery=discovery) as router:
            yield Scene(router, Slices(cluster), one, two)
    finally:
        await one.stop()
        await two.stop()


async def test_ready_endpoints_are_offered_and_those_that_terminate_leave_at_once(
    plane: ControlPlane, cluster: Cluster
) -> None:
    await make_accounts(cluster)
    async with scene(plane, cluster) as at_work:
        held = asyncio.ensure_future(at_work.router.infer(timeout=20))  # before anything is known
        await at_work.slices.put("digits-0", at_work.one.address, serving=False)
        await until(lambda: [one.healthy for one in at_work.router.core.table.snapshot.backends] == [True])
        assert at_work.router.of_model().held == 1, "healthy for us, not ready for the cluster"
        await at_work.slices.put("digits-0", at_work.one.address)
        assert backend_of(await held) == at_work.one.address
        await at_work.slices.put("digits-1", at_work.two.address)
        await at_work.offered(at_work.one, at_work.two)
        (backend, _) = sorted(at_work.router.core.table.snapshot.backends, key=lambda one: one.replica_id)
        assert (backend.replica_id, backend.pool, backend.source) == ("digits-0", "digits", "cluster")

        last = asyncio.ensure_future(at_work.router.infer("wait 1", timeout=20))
        await until(lambda: len(at_work.router.at_work()) == 1)
        (busy,) = (one for one in (at_work.one, at_work.two) if one.address in at_work.router.at_work())
        other = at_work.two if busy is at_work.one else at_work.one
        name = "digits-0" if busy is at_work.one else "digits-1"
        await at_work.slices.put(name, busy.address, terminating=True)  # its own health check passes still
        await at_work.offered(other)
        assert backend_of(await last) == busy.address, "what it works on is let end"
        await at_work.slices.delete(name)
        await until(lambda: len(at_work.router.core.table.snapshot.backends) == 1)


async def test_while_the_api_is_lost_the_backends_stay_and_then_it_goes_on(
    plane: ControlPlane, cluster: Cluster
) -> None:
    await make_accounts(cluster)
    async with scene(plane, cluster, stale_s=1.0) as at_work:
        await at_work.slices.put("digits-0", at_work.one.address)
        await at_work.offered(at_work.one)

        async def told() -> router_pb2.Discovery:
            return (await at_work.router.admin.GetState(router_pb2.GetStateRequest())).discovery

        assert not (await told()).frozen
        with plane.api_server_down():
            await asyncio.sleep(1.5)
            state = await told()
            assert (state.frozen, state.endpoints) == (True, 1)
            assert backend_of(await at_work.router.infer(timeout=5)) == at_work.one.address
        await at_work.slices.put("digits-1", at_work.two.address)
        await at_work.slices.delete("digits-0")
        await at_work.offered(at_work.two)
        assert not (await told()).frozen


async def test_pods_of_a_real_service_are_found_by_its_label(plane: ControlPlane, cluster: Cluster) -> None:
    """The endpoint slice controller's own slices: no pod runs here, so only what they say is looked at."""
    labels = {"app": "digits"}
    await make_accounts(cluster)
    container = {"name": "model-server", "image": "tidegate.invalid/model-server", "ports": [{"containerPort": 8011}]}
    spec = {"serviceAccountName": "tidegate-model-server", "containers": [container]}
    meta = {"name": "digits-0", "labels": labels}
    await cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    await cluster.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "any-name", "labels": {"tidegate.dev/pool": "digits"}},
            "spec": {"clusterIP": "None", "selector": labels, "ports": [{"name": "grpc", "port": 8011}]},
        }
    )
    conditions = [{"type": "Ready", "status": "True"}]
    status = {"status": {"phase": "Running", "podIP": "10.1.2.3", "conditions": conditions}}
    await cluster.merge("v1", "Pod", "digits-0", status, "status")
    async with scene(plane, cluster) as at_work:
        sightings = at_work.router.core.sightings
        assert sightings is not None
        await until(lambda: "10.1.2.3:8011" in sightings.endpoints)
        found = sightings.endpoints["10.1.2.3:8011"]
        assert (found.replica_id, found.pool, found.state) == ("digits-0", "digits", "serving")
