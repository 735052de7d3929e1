"""A kubelet whose pods are real model servers: a process for each, its address and readiness in an EndpointSlice."""

import asyncio
import contextlib
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kubernetes.aio.client.exceptions import ApiException

from tests.kubernetes.cluster import Cluster, Object
from tests.kubernetes.kubelet import running_status
from tests.kubernetes.slices import Slices
from tests.support.processes import free_address
from tidegate.shared.child_processes import TIDEGATE, leashed
from tidegate.shared.grpc_server import channel
from tidegate.shared.kubernetes.api import MERGE_PATCH

POLL_S = 0.1


@dataclass
class RealPod:
    """One model server; times are of `time.time`, None for what has not happened."""

    address: str
    process: Process
    task: asyncio.Task[None] | None = None
    ready_at_s: float | None = None
    told_to_stop: asyncio.Event = field(default_factory=asyncio.Event)


class RealPods:
    """Runs every pod that a scheduler has bound; `pods` are all there ever were, by name."""

    def __init__(self, cluster: Cluster, config: Path, folder: Path) -> None:
        self.pods: dict[str, RealPod] = {}
        self._cluster = cluster
        self._slices = Slices(cluster)
        self._config = config
        self._folder = folder

    def ready(self) -> list[str]:
        """Those that serve, and were not told to stop."""
        return [name for name, one in self.pods.items() if one.ready_at_s is not None and not one.told_to_stop.is_set()]

    async def __aenter__(self) -> "RealPods":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [self._task, *(one.task for one in self.pods.values() if one.task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in self.pods.values():
            if one.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    one.process.kill()
                await one.process.wait()

    async def _run(self) -> None:
        while True:
            for one in await self._cluster.list("v1", "Pod"):
                name = one["metadata"]["name"]
                if name not in self.pods and one["spec"].get("nodeName"):
                    self.pods[name] = await self._start(name)
                    self.pods[name].task = asyncio.create_task(self._tend(name, self.pods[name], one))
                elif name in self.pods and "deletionTimestamp" in one["metadata"]:
                    self.pods[name].told_to_stop.set()
            await asyncio.sleep(POLL_S)

    async def _start(self, name: str) -> RealPod:
        address = free_address()
        command = [*TIDEGATE, "model-server", "--config", str(self._config), "--listen", address]
        with (self._folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(*leashed(command), stdin=DEVNULL, stdout=log, stderr=log)
        return RealPod(address, process)

    async def _tend(self, name: str, pod: RealPod, one: Object) -> None:
        """One pod's life: its probe, its slice, its status, its end."""
        began = datetime.now(UTC)
        await self._slices.put(name, pod.address, serving=False)
        if await self._probe(pod):
            pod.ready_at_s = time.time()
            await self._slices.put(name, pod.address)
            with contextlib.suppress(ApiException):  # it may be told to stop just now
                path = self._cluster.path("v1", "Pod", name, "status")
                await self._cluster.api.patch(path, {"status": running_status(one, began)}, MERGE_PATCH)
        await pod.told_to_stop.wait()
        # Both at once, as on a cluster: neither waits for the other.
        pod.process.send_signal(signal.SIGTERM)
        await self._slices.put(name, pod.address, serving=pod.ready_at_s is not None, terminating=True)
        await pod.process.wait()
        await self._slices.delete(name)
        await self._cluster.delete("v1", "Pod", name, gracePeriodSeconds="0")

    async def _probe(self, pod: RealPod) -> bool:
        """Wait until it serves; False when it is told to stop before."""
        async with channel(pod.address) as connection:
            stub = health_pb2_grpc.HealthStub(connection)
            while not pod.told_to_stop.is_set():
                assert pod.process.returncode is None, "a model server ended by itself"
                with contextlib.suppress(grpc.aio.AioRpcError):
                    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
                    if answer.status == health_pb2.HealthCheckResponse.SERVING:
                        return True
                await asyncio.sleep(POLL_S)
        return False
