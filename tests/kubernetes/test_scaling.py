"""The scaler scales what a PredictiveScaler names, on a real API server."""

import asyncio
import time
from pathlib import Path

from scaler.events import Event
from scaler.overrides import Kind, Override
from tests.kubernetes.cluster import Cluster, Object, eventually
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.manifests import NODE_POOL, SCALER_API
from tests.kubernetes.scene import COST, met, scene
from tests.kubernetes.shelf import TARGET, ShelfController, make_shelf
from tests.support.waiting import until


async def test_replicas_are_ready_before_the_spike_that_is_forecast(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    prior = {"leadSeconds": 5, "capacityRowsPerSecond": 10}
    async with scene(plane, cluster, tmp_path, start_s=2.0, prior=prior) as at_work:
        spike_at_s = time.time() + 14.0
        at_work.forecasts.rate_rps = lambda at_s: 60.0 if at_s >= spike_at_s else 5.0
        async with at_work.scaler():
            shown = await at_work.until_shown(lambda status: status.get("desiredReplicas", 0) >= 7)
            assert shown["observedGeneration"] == 1
            assert shown["reason"].startswith("forecast: ")
            assert shown["forecast"]["peakP95RowsPerSecond"] > 10.0  # it is the spike, not the 5 of now
            assert (met(shown, "Active")["status"], met(shown, "Active")["reason"]) == ("True", "Scaling")
            shown = await at_work.until_shown(lambda status: status.get("readyReplicas", 0) >= 7)
            assert time.time() < spike_at_s
        assert shown["lead"]["source"].startswith("measured (")  # the pods' own timelines took the prior's place
        assert shown["lead"]["p50Seconds"] <= shown["lead"]["p95Seconds"] < 5
        assert len(shown["outlook"]) == 12
        assert (shown["outlook"][0]["replicas"] >= 7, shown["outlook"][1]["peakP50RowsPerSecond"]) == (True, 60.0)
        (node_pool,) = shown["lead"]["nodePools"]
        assert (node_pool["name"], node_pool["starts"] >= 6) == (NODE_POOL, True)
        assert node_pool["p50Seconds"] <= node_pool["p95Seconds"] < 5


async def test_a_replica_goes_annotated_then_drained_then_let_go(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path, replicas=3, minReplicas=3) as at_work:
        seen: list[tuple[int, list[str]]] = []

        async def snapshot() -> None:
            pods = await cluster.list("v1", "Pod")
            cheap = [one["metadata"]["name"] for one in pods if COST in one["metadata"].get("annotations", {})]
            seen.append((await at_work.asked(), cheap))

        at_work.routers.on_drain = snapshot
        async with at_work.scaler():
            pods = await at_work.until_ready(3)
            at_work.routers.outstanding_of = {name: 0 if name == pods[1] else 7 for name in pods}
            await at_work.wish(minReplicas=2)
            await at_work.until_asked(2)
        assert seen == [(3, [pods[1]])]
        assert at_work.routers.drained == [pods[1]]


async def test_without_every_routers_word_the_replica_serves_on(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path, replicas=2, minReplicas=2) as at_work:
        at_work.routers.acknowledges = False
        async with at_work.scaler():
            await at_work.until_ready(2)
            await at_work.wish(minReplicas=1)
            message = await at_work.until_inactive("NotScaled")
            assert message == "a router did not acknowledge the drain"
            assert await at_work.asked() == 2
            assert set(at_work.routers.drained) <= set(at_work.routers.resumed)
            assert ("Warning", "NotScaled") in await eventually(at_work.events, lambda events: len(events) > 0)
            tries = len(at_work.routers.drained)
            await asyncio.sleep(1)  # five ticks; the second try comes after one second, the third two later
            assert len(at_work.routers.drained) <= tries + 1
            at_work.routers.acknowledges = True
            await at_work.until_asked(1)
            await at_work.until_shown(lambda status: met(status, "Active").get("status") == "True")


async def test_to_none_and_back_for_requests_that_are_held(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path, minReplicas=0) as at_work:
        at_work.routers.demand_rps = 0.0
        at_work.forecasts.rate_rps = lambda _: 0.0
        async with at_work.scaler():
            await at_work.until_asked(0)
            await at_work.until_ready(0)
            at_work.routers.held = 3
            await at_work.until_asked(1)
            await at_work.until_ready(1)


async def test_any_kind_with_a_scale_and_the_cheapest_pod_goes(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    """1.20's ReplicaSet does not look at deletion costs yet: the test plays the controller of a kind of its own."""
    async with scene(plane, cluster, tmp_path, replicas=0, minReplicas=3, target=TARGET) as at_work:
        await make_shelf(cluster, 3)
        async with ShelfController(cluster), at_work.scaler():
            pods = await at_work.until_ready(3)
            at_work.routers.outstanding_of = {name: 0 if name == pods[2] else 7 for name in pods}
            await at_work.wish(minReplicas=2)
            assert await at_work.until_ready(2) == pods[:2]
        assert at_work.routers.drained == [pods[2]]


async def test_the_forecaster_is_told_of_planned_events_and_of_their_end(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    launch = {"name": "launch", "start": "2026-03-01T12:00:00Z", "end": "2026-03-01T13:00:00Z", "factor": 3}
    async with scene(plane, cluster, tmp_path, events=[launch]) as at_work, at_work.scaler():
        told = at_work.forecasts.planned
        await until(lambda: bool(told.get("digits")))
        assert told["digits"] == (Event("m", "digits/launch", 1_772_366_400.0, 1_772_370_000.0, 3.0, 0.0),)
        await cluster.delete(SCALER_API, "PredictiveScaler", "digits")
        await until(lambda: not told["digits"])


async def test_what_people_override_stands_in_the_status_and_outlives_the_scaler(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path, maxReplicas=5) as at_work:
        async with at_work.scaler() as executor:
            await until(lambda: "digits" in executor.pools())
            now = time.time()
            pin = Override(Kind.PIN, "3", "launch", "ann@desk", now, now + 600)
            await executor.override("digits", pin)
            await at_work.until_asked(3)
            await at_work.until_shown(lambda status: status["reason"].startswith("pinned: by ann@desk until"))
            assert ("Normal", "Overridden") in await at_work.events()
        pause = Override(Kind.PAUSE, "on", "move", "bob@desk", now, now + 600)
        async with at_work.scaler("two") as executor:
            await until(lambda: "digits" in executor.pools())
            await executor.override("digits", pause)
            assert "by bob@desk until" in await at_work.until_inactive("Paused")
            await executor.override("digits", Override(Kind.PIN, "", "done", "ann@desk", now, now))
            shown = await at_work.until_shown(lambda status: status["reason"].startswith("paused: "))
            kept = {one["kind"]: (one.get("value"), one["reason"]) for one in shown["overrides"]}
            assert kept == {"pin": (None, "done"), "pause": ("on", "move")}
            assert await at_work.asked() == 3


async def test_a_status_is_not_written_again_when_nothing_changed(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path) as at_work:
        async with at_work.scaler(status_period_s=3600):
            await at_work.until_shown(lambda status: status.get("readyReplicas") == 1)
            versions = set()
            for _ in range(10):  # five ticks
                versions.add((await _scaler_object(cluster))["metadata"]["resourceVersion"])
                await asyncio.sleep(0.1)
        assert len(versions) == 1


async def _scaler_object(cluster: Cluster) -> Object:
    return await cluster.get(SCALER_API, "PredictiveScaler", "digits")
