"""One control plane for the whole run, a namespace for each test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from kubernetes.aio.client.exceptions import ApiException

from tests.kubernetes import control_plane
from tests.kubernetes.cluster import Cluster, eventually
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.manifests import BASE, SCALER_API, load, node, shelf_definition

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Skipped with the reason where the binaries are absent."""
    reason = control_plane.missing()
    if reason:
        pytest.skip(reason)
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start()
        asyncio.run(_furnish(plane))
        yield plane
    finally:
        plane.stop()


@pytest.fixture
async def cluster(plane: ControlPlane) -> AsyncIterator[Cluster]:
    """The test's own namespace."""
    async with Cluster(plane.kubeconfig(), f"test-{next(_numbers)}") as own:
        yield own


async def _furnish(plane: ControlPlane) -> None:
    """What all tests share: the resource definition and one node."""
    async with Cluster(plane.kubeconfig(), "furnishing") as cluster:
        for definition in load(BASE / "crd.yaml"):
            await cluster.create(definition)
        await cluster.create(shelf_definition())
        await cluster.create(node())

        async def served() -> list[str]:
            path = f"/apis/{SCALER_API.partition('/')[0]}"
            try:
                return [one["groupVersion"] for one in (await cluster.api.request("GET", path))["versions"]]
            except ApiException:
                return []

        await eventually(served, lambda versions: SCALER_API in versions)
