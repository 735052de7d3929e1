"""Plays the kubelet: pods of one namespace become ready after a while, and go when they are told to."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from types import TracebackType

from kubernetes.aio.client.exceptions import ApiException

from tests.kubernetes.cluster import Cluster, Object
from tidegate.shared.kubernetes.api import MERGE_PATCH

POLL_S = 0.1


class Kubelet:
    """Pods that a scheduler bound become ready `start_s` later; those named in `crashing` never do."""

    def __init__(self, cluster: Cluster, start_s: float) -> None:
        self.ready: set[str] = set()
        self.crashing = False
        self._cluster = cluster
        self._start_s = start_s
        self._bound_at: dict[str, float] = {}

    async def __aenter__(self) -> "Kubelet":
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            # While the API server is down, a kubelet tries on.
            with contextlib.suppress(Exception):
                await self._look()
            await asyncio.sleep(POLL_S)

    async def _look(self) -> None:
        pods = await self._cluster.list("v1", "Pod")
        self.ready &= {one["metadata"]["name"] for one in pods}
        for one in pods:
            with contextlib.suppress(ApiException):  # it may be gone meanwhile
                await self._tend(one)

    async def _tend(self, one: Object) -> None:
        name = one["metadata"]["name"]
        if "deletionTimestamp" in one["metadata"]:
            self.ready.discard(name)
            await self._cluster.delete("v1", "Pod", name, gracePeriodSeconds="0")
            return
        if name in self.ready or not one["spec"].get("nodeName"):
            return
        if self.crashing:
            await self._report(
                name, {"containerStatuses": [_container({"waiting": {"reason": "CrashLoopBackOff"}}, 3)]}
            )
            return
        bound_at = self._bound_at.setdefault(name, time.monotonic())
        if time.monotonic() - bound_at >= self._start_s:
            await self._report(name, running_status(one, datetime.now(UTC)))
            self.ready.add(name)

    async def _report(self, name: str, status: Object) -> None:
        path = self._cluster.path("v1", "Pod", name, "status")
        await self._cluster.api.patch(path, {"status": status}, MERGE_PATCH)


def running_status(one: Object, started_at: datetime) -> Object:
    """The status of a pod that is ready from now on, its container started then."""
    now = _written(datetime.now(UTC))
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("ContainersReady", "Ready")]
    scheduled = [c for c in one["status"].get("conditions", []) if c["type"] == "PodScheduled"]
    return {
        "phase": "Running",
        "podIP": "10.1.0.1",
        "conditions": [*scheduled, *conditions],
        "containerStatuses": [_container({"running": {"startedAt": _written(started_at)}}, 0)],
    }


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _container(state: Object, restarts: int) -> Object:
    ready = "running" in state
    return {
        "name": "model-server",
        "image": "tidegate.invalid/model-server",
        "imageID": "",
        "ready": ready,
        "restartCount": restarts,
        "state": state,
    }
