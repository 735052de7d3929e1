"""All of it at once on a real API server: clients, routers that find their replicas in EndpointSlices, forecaster,
scaler, and pods that are real model servers. Replicas come before the load, go after it, and not one request is lost.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kubernetes.aio.client.exceptions import ApiException

from protos import router_pb2, router_pb2_grpc
from scaler.kubernetes.target import VICTIM_COST
from tests.kubernetes.accounts import as_scaler, kubeconfig_of
from tests.kubernetes.cluster import Cluster, Object, eventually
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.manifests import SCALER_API, predictive_scaler
from tests.kubernetes.real_pods import RealPods
from tests.kubernetes.scene import COST
from tests.kubernetes.shelf import LABELS, TARGET, ShelfController, make_shelf
from tests.support.processes import free_address, started, wait_until_serving
from tests.support.stack import MODEL, drive, write_echo
from tidegate.client.results import LoadResult, summarize
from tidegate.client.schedule import poisson_times
from tidegate.shared.child_processes import TIDEGATE
from tidegate.shared.grpc_server import channel
from tidegate.shared.toml import to_toml

BATCH_S = 0.05
CAPACITY_ROWS_PER_S = 40.0
"""Two rows in a batch of 50 ms."""
QUIET_RPS, SPIKE_RPS, SPIKE_S, QUIET_S = 8.0, 95.0, 8.0, 8
AHEAD_S = 18.0
"""From the declaration of the launch to its begin: several starts of a model server on a busy machine."""


@dataclass
class Whole:
    """Everything that runs."""

    cluster: Cluster
    listen: Sequence[str]
    admins: Sequence[str]
    pods: RealPods
    scaler: str
    let_go: dict[str, list[str]] = field(default_factory=dict)
    """Each pod that was let go for a lower number, and how every router saw it then."""
    annotated_first: list[bool] = field(default_factory=list)
    """Of each of them, whether its deletion cost was written before the number."""

    async def views(self, pod: str) -> list[str]:
        """How each router sees the pod's replica."""
        found = []
        for admin in self.admins:
            async with channel(admin) as connection:
                stub = router_pb2_grpc.RouterAdminStub(connection)
                state = await stub.GetState(router_pb2.GetStateRequest(), timeout=5)
            status = router_pb2.BackendState.Status.Name
            found += [status(one.status) for one in state.backends if one.replica_id == pod]
        return found

    async def letting_go(self, shelf: Object, pod: Object) -> None:
        meta = pod["metadata"]
        self.let_go[meta["name"]] = await self.views(meta["name"])
        earlier = int(meta["resourceVersion"]) < int(shelf["metadata"]["resourceVersion"])  # etcd's revisions
        self.annotated_first.append(earlier and meta.get("annotations", {}).get(COST) == VICTIM_COST)

    async def until_ready(self, count: int) -> list[str]:
        async def ready() -> list[str]:
            return self.pods.ready()

        return await eventually(ready, lambda names: len(names) == count, timeout_s=60)

    async def drive(self, due_s: Any) -> list[LoadResult]:
        """The load, half of it at each router."""
        return await asyncio.gather(*(drive(one, due_s[at::2]) for at, one in enumerate(self.listen)))

    async def wish(self, **spec: Any) -> None:
        await self.cluster.merge(SCALER_API, "PredictiveScaler", "digits", {"spec": spec})

    async def tell(self, *arguments: str) -> str:
        """What a command prints."""
        process = await asyncio.create_subprocess_exec(*TIDEGATE, *arguments, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()

    async def evict(self, pod: str) -> None:
        """As `kubectl drain` does: the API server asks the disruption budget."""
        version = await self.cluster.api.newest("/apis/policy", ("v1", "v1beta1"))
        body = {"apiVersion": f"policy/{version}", "kind": "Eviction", "metadata": {"name": pod}}
        await self.cluster.api.request("POST", self.cluster.path("v1", "Pod", pod, "eviction"), body)


def write_config(folder: Path, namespace: str, kubeconfigs: dict[str, Path], admins: Sequence[str]) -> dict[str, str]:
    """One file for all services; the addresses of forecaster and scaler."""
    forecaster, scaler = free_address(), free_address()
    place = {"namespace": namespace, "request_timeout_s": 2.0}
    tables = {
        "router": {
            "health_interval_s": 0.5,
            "discovery": {**place, "kubeconfig": kubeconfigs["tidegate-router"]},
        },
        "model_server": {
            "models": folder / "models",
            "threads": 1,
            "rehearse_batch_s": BATCH_S,
            "lame_duck_s": 1.0,
        },
        "forecaster": {"listen": forecaster, "routers": list(admins), "history": folder / "history.sqlite"},
        "scaler": {
            "executor": "kubernetes",
            "listen": scaler,
            "forecaster": forecaster,
            "routers": list(admins),
            "store": folder / "scaler.sqlite",
            "tick_s": 0.5,
            "kubernetes": {**place, "kubeconfig": kubeconfigs["tidegate-scaler"], "status_period_s": 1.0},
        },
    }
    (folder / "tidegate.toml").write_text(to_toml(tables))
    return {"forecaster": forecaster, "scaler": scaler}


@contextlib.asynccontextmanager
async def whole(plane: ControlPlane, cluster: Cluster, folder: Path) -> AsyncIterator[Whole]:
    kubeconfigs = {"tidegate-scaler": await as_scaler(plane, cluster)}
    kubeconfigs["tidegate-router"] = await kubeconfig_of(plane, cluster, "tidegate-router")
    listen, admins = [free_address() for _ in range(2)], [free_address() for _ in range(2)]
    others = write_config(folder, cluster.namespace, kubeconfigs, admins)
    write_echo(folder / "models", max_batch_rows=2)
    config = ["--config", str(folder / "tidegate.toml")]
    await make_shelf(cluster, 1)
    prior = {"capacityRowsPerSecond": CAPACITY_ROWS_PER_S, "leadSeconds": 8}
    wish = {"mode": "full", "models": [MODEL], "target": TARGET, "maxReplicas": 4, "prior": prior}
    await cluster.create(predictive_scaler(**wish, slo={"latencySeconds": 0.5}))
    async with contextlib.AsyncExitStack() as running:
        pods = await running.enter_async_context(RealPods(cluster, folder / "tidegate.toml", folder))
        at_work = Whole(cluster, listen, admins, pods, others["scaler"])
        await running.enter_async_context(ShelfController(cluster, at_work.letting_go))
        for at, (data, admin) in enumerate(zip(listen, admins, strict=True)):
            command = ["router", *config, "--listen", data, "--admin", admin]
            log = folder / f"router-{at}.log"
            process = running.enter_context(started(command, log, {"TIDEGATE_ROUTER_ROUTER_ID": f"router-{at}"}))
            await asyncio.to_thread(wait_until_serving, data, process, log)
        for name, address in others.items():
            process = running.enter_context(started([name, *config], folder / f"{name}.log"))
            await asyncio.to_thread(wait_until_serving, address, process, folder / f"{name}.log")
        yield at_work


async def protect(cluster: Cluster) -> None:
    """A disruption budget: one replica at least."""
    version = await cluster.api.newest("/apis/policy", ("v1", "v1beta1"))
    spec = {"minAvailable": 1, "selector": {"matchLabels": LABELS}}
    await cluster.create(
        {"apiVersion": f"policy/{version}", "kind": "PodDisruptionBudget", "metadata": {"name": "digits"}, "spec": spec}
    )


def planned(rate_rps: float, starts_at_s: float, lasts_s: float) -> list[dict[str, object]]:
    """A calendar with one event."""
    start, end = (datetime.fromtimestamp(at, UTC).isoformat() for at in (starts_at_s, starts_at_s + lasts_s))
    return [{"name": "planned", "start": start, "end": end, "requestsPerSecond": rate_rps}]


def assert_none_lost(results: Sequence[LoadResult], due_s: Any) -> None:
    summaries = [summarize(one) for one in results]
    assert sum(one.sent for one in summaries) == len(due_s)
    assert [one.failed for one in summaries] == [{}, {}]


async def test_ahead_of_a_launch_back_to_none_and_again_with_no_request_lost(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with whole(plane, cluster, tmp_path) as at_work:
        await protect(cluster)
        (first,) = await at_work.until_ready(1)
        starts_at_s = time.time() + AHEAD_S
        await at_work.wish(events=planned(SPIKE_RPS, starts_at_s, SPIKE_S))
        rates = np.repeat([QUIET_RPS, SPIKE_RPS, QUIET_RPS], [int(AHEAD_S), int(SPIKE_S), QUIET_S])
        due_s = poisson_times(rates, 1.0, np.random.default_rng(1))
        load = asyncio.create_task(at_work.drive(due_s))

        with pytest.raises(ApiException) as refused:
            await at_work.evict(first)
        assert refused.value.status == 429, "its budget keeps the only replica"

        await asyncio.sleep(max(0.0, starts_at_s - time.time()))
        assert len(at_work.pods.ready()) >= 3, f"{SPIKE_RPS:g} rows/s need three of {CAPACITY_ROWS_PER_S:g}"
        explained = await at_work.tell("scale", "explain", "digits", "--scaler", at_work.scaler)
        assert re.search(r"^digits: [34] replicas decided ", explained)
        foreseen = re.search(r"([\d.]+) rows/s at 50%", explained)
        assert foreseen is not None, explained
        assert float(foreseen[1]) == pytest.approx(SPIKE_RPS, rel=0.25), explained
        status = json.loads(await at_work.tell("status", "--json", *(f"--router={one}" for one in at_work.admins)))
        for state in status["routers"].values():
            assert {one["source"] for one in state["backends"]} == {"cluster"}
            assert (state["discovery"]["endpoints"], state["discovery"]["frozen"]) == (len(state["backends"]), False)
        await asyncio.sleep(max(0.0, starts_at_s + SPIKE_S / 2 - time.time()))
        await at_work.evict(first)  # under full load, and by another's hand: SIGTERM is all that it gets
        await eventually(lambda: at_work.views(first), lambda seen: "STATUS_READY" not in seen, timeout_s=5)

        await asyncio.sleep(max(0.0, starts_at_s + SPIKE_S - time.time()))
        await at_work.wish(maxReplicas=1)  # at once, for the test's time, and under load
        await at_work.until_ready(1)
        assert len(at_work.let_go) >= 2
        assert first not in at_work.let_go
        assert all(at_work.annotated_first)
        assert all(seen == ["STATUS_DRAINING"] * 2 for seen in at_work.let_go.values()), "every router acknowledged"
        assert_none_lost(await load, due_s)

        await at_work.wish(minReplicas=0, events=planned(0.0, time.time(), 600))
        await at_work.until_ready(0)
        late_s = np.array([0.0, 0.1, 0.2, 0.3])  # nobody is there: they are held until somebody is
        assert_none_lost(await at_work.drive(late_s), late_s)
