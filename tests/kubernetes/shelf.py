"""A ReplicaSet's part, played by the test for a kind of its own: 1.20's does not look at deletion costs yet."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType

from tests.kubernetes.cluster import Cluster, Object
from tests.kubernetes.scene import COST

API_VERSION = "test.tidegate.dev/v1"
TARGET = {"apiVersion": API_VERSION, "kind": "Shelf", "name": "digits"}
LABELS = {"app": "shelf"}


async def make_shelf(cluster: Cluster, replicas: int) -> None:
    """A shelf of so many, and the right to scale it: a kind more is a rule more, as k8s/base/rbac.yaml says."""
    meta = {"name": TARGET["name"]}
    spec = {"replicas": replicas}
    await cluster.create({"apiVersion": API_VERSION, "kind": "Shelf", "metadata": meta, "spec": spec})
    status = {"status": {"replicas": replicas, "selector": "app=shelf"}}
    await cluster.merge(API_VERSION, "Shelf", TARGET["name"], status, "status")
    rule = {"apiGroups": ["test.tidegate.dev"], "resources": ["shelves/scale"], "verbs": ["get", "patch"]}
    role = await cluster.get("rbac.authorization.k8s.io/v1", "Role", "tidegate-scaler")
    change = {"rules": [*role["rules"], rule]}
    await cluster.merge("rbac.authorization.k8s.io/v1", "Role", "tidegate-scaler", change)


LettingGo = Callable[[Object, Object], Awaitable[None]]
"""Told of the shelf and of a pod before this is deleted because the shelf asks for fewer."""


async def _unseen(_shelf: Object, _pod: Object) -> None:
    """For who doesn't want to be told."""


class ShelfController:
    """As many pods as the shelf asks for; of too many, the ones whose deletion costs least go, as from 1.22 on."""

    def __init__(self, cluster: Cluster, letting_go: LettingGo = _unseen) -> None:
        self._cluster = cluster
        self._letting_go = letting_go
        self._numbers = 0

    async def __aenter__(self) -> "ShelfController":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            shelf = await self._cluster.get(API_VERSION, "Shelf", TARGET["name"])
            wanted = shelf["spec"]["replicas"]
            pods = await self._cluster.list("v1", "Pod")
            alive = [one for one in pods if one["metadata"].get("labels", {}).items() >= LABELS.items()]
            alive = [one for one in alive if "deletionTimestamp" not in one["metadata"]]
            for _ in range(wanted - len(alive)):
                await self._create()
            alive.sort(key=lambda one: int(one["metadata"].get("annotations", {}).get(COST, "0")))
            for one in alive[: max(0, len(alive) - wanted)]:
                await self._letting_go(shelf, one)
                await self._cluster.delete("v1", "Pod", one["metadata"]["name"])
            await asyncio.sleep(0.1)

    async def _create(self) -> None:
        container = {"name": "model-server", "image": "tidegate.invalid/model-server"}
        meta = {"name": f"shelf-{self._numbers}", "labels": LABELS}
        self._numbers += 1
        spec = {"containers": [container], "serviceAccountName": "tidegate-model-server"}
        await self._cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
