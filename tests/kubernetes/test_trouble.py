"""What the scaler does when the cluster is not as it should be: nothing rash, and it says so."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.kubernetes.cluster import Cluster, eventually
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.manifests import predictive_scaler
from tests.kubernetes.scene import met, scene


async def test_a_number_that_a_person_set_stays(plane: ControlPlane, cluster: Cluster, tmp_path: Path) -> None:
    async with scene(plane, cluster, tmp_path, minReplicas=2, replicas=2) as at_work, at_work.scaler():
        await at_work.until_shown(lambda status: met(status, "Active").get("status") == "True")
        await cluster.merge("apps/v1", "Deployment", "digits", {"spec": {"replicas": 5}})
        message = await at_work.until_inactive("ReplicasSetByOthers")
        assert message.startswith("somebody else set 5 replicas; hands off until ")
        await asyncio.sleep(1)  # five ticks
        assert await at_work.asked() == 5
        assert ("Warning", "ReplicasSetByOthers") in await eventually(at_work.events, bool)


async def test_an_hpa_on_the_same_target_is_left_alone_until_it_is_gone(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path) as at_work, at_work.scaler():
        await at_work.until_shown(lambda status: met(status, "Active").get("status") == "True")
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "digits"}
        hpa = {"metadata": {"name": "rival"}, "spec": {"scaleTargetRef": reference, "maxReplicas": 9}}
        await cluster.create({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", **hpa})
        assert "HorizontalPodAutoscaler rival" in await at_work.until_inactive("OtherAutoscaler")
        await at_work.wish(minReplicas=4)
        await at_work.until_shown(lambda status: status["desiredReplicas"] == 4)
        assert await at_work.asked() == 1
        await cluster.delete("autoscaling/v1", "HorizontalPodAutoscaler", "rival")
        await at_work.until_asked(4)


async def test_of_two_scalers_of_one_target_the_older_acts(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path) as at_work:
        await asyncio.sleep(1.1)  # creation times are whole seconds
        younger = predictive_scaler(minReplicas=7)
        younger["metadata"]["name"] = "a-younger"
        await cluster.create(younger)
        async with at_work.scaler():
            message = await at_work.until_inactive("TargetTaken", "a-younger")
            assert message == "PredictiveScaler digits has the same target"
            await at_work.until_shown(lambda status: met(status, "Active").get("status") == "True")
        assert await at_work.asked() == 1


@pytest.mark.parametrize(
    ("spec", "reason", "said"),
    [
        ({"paused": True}, "Paused", "its setting paused is true"),
        ({"minReplicas": 9, "maxReplicas": 3}, "InvalidSpec", "min_replicas = 9 is more than max_replicas = 3"),
        ({"target": {"name": "nothing"}}, "TargetUnreadable", '"nothing" not found'),
        ({"target": {"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}}, "TargetUnreadable", "can be scaled"),
    ],
)
async def test_what_can_not_be_scaled_says_why(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path, spec: dict[str, object], reason: str, said: str
) -> None:
    async with scene(plane, cluster, tmp_path, **{"minReplicas": 3, **spec}) as at_work, at_work.scaler():
        assert said in await at_work.until_inactive(reason)
        assert await at_work.asked() == 1


async def test_a_pool_that_keda_scales_is_planned_for_and_left_alone(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path, minReplicas=3, scaledBy="keda") as at_work, at_work.scaler():
        await at_work.until_inactive("ScaledByKeda")
        for replicas in (2, 4):  # the HPA that KEDA made
            scale = {"spec": {"replicas": replicas}}
            await cluster.merge("apps/v1", "Deployment", "digits", scale)
            await at_work.until_shown(lambda status: status["replicas"] == replicas)  # noqa: B023 - awaited here
        shown = await at_work.until_shown(lambda status: status["desiredReplicas"] == 3)
        assert met(shown, "Active")["reason"] == "ScaledByKeda", "not ReplicasSetByOthers: these are meant to"


async def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path, minReplicas=3, replicas=2) as at_work:
        with capture_logs() as logs:
            async with at_work.scaler(dry_run=True):

                async def said() -> list[str]:
                    return [one["would"] for one in logs if one["event"] == "dry run"]

                await eventually(said, lambda words: words == ["ask Deployment digits for 3 replicas in place of 2"])
                (pod, _) = await at_work.until_ready(2)
                at_work.routers.outstanding_of = {pod: 7}
                await at_work.wish(minReplicas=1)
                down = (await eventually(said, lambda words: words[-1].startswith("annotate")))[-1]
        assert down.startswith("annotate and drain digits-")
        assert down.endswith("then ask Deployment digits for 1 replicas in place of 2")
        assert pod not in down, "the idle one would go"
        assert (await at_work.asked(), await at_work.shown(), await at_work.events()) == (2, {}, set())
        assert await cluster.list("coordination.k8s.io/v1", "Lease") == []


async def test_pods_that_can_not_be_scheduled_are_no_capacity_and_no_reason_for_more(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path, minReplicas=1) as at_work, at_work.scaler():
        await at_work.until_ready(1)
        selector = {"spec": {"template": {"spec": {"nodeSelector": {"gpu": "none-has-it"}}}}}
        rollout = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}
        await cluster.merge("apps/v1", "Deployment", "digits", {"spec": {**selector["spec"], **rollout}})
        shown = await at_work.until_shown(lambda status: met(status, "ReplicasComing").get("status") == "False")
        assert "Unschedulable: 0/1 nodes are available" in met(shown, "ReplicasComing")["message"]
        await at_work.wish(minReplicas=3)
        await at_work.until_shown(
            lambda status: met(status, "ReplicasComing").get("message", "").startswith("3 × Unschedulable")
        )
        await asyncio.sleep(1)  # five ticks
        assert await at_work.asked() == 3
        assert (await at_work.shown())["readyReplicas"] == 0


async def test_pods_that_crash_are_no_capacity(plane: ControlPlane, cluster: Cluster, tmp_path: Path) -> None:
    async with scene(plane, cluster, tmp_path, minReplicas=2) as at_work:
        at_work.kubelet.crashing = True
        async with at_work.scaler():
            shown = await at_work.until_shown(lambda status: met(status, "ReplicasComing").get("status") == "False")
            assert met(shown, "ReplicasComing")["message"].endswith("× CrashLoopBackOff")
            assert ("Warning", "Stuck") in await eventually(at_work.events, lambda events: len(events) > 0)
            at_work.kubelet.crashing = False
            await at_work.until_shown(lambda status: status.get("readyReplicas") == 2)
            await at_work.until_shown(lambda status: met(status, "ReplicasComing").get("status") == "True")


async def test_while_the_api_is_lost_nothing_is_done_and_then_it_goes_on(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    async with scene(plane, cluster, tmp_path, replicas=2, minReplicas=2) as at_work, at_work.scaler():
        await at_work.until_ready(2)
        await at_work.until_shown(lambda status: status.get("readyReplicas") == 2)
        with plane.api_server_down():
            at_work.forecasts.rate_rps = lambda _: 60.0
            at_work.routers.demand_rps = 60.0
            await asyncio.sleep(2)
        assert await at_work.asked() == 2
        await eventually(at_work.asked, lambda count: count >= 6)
        await at_work.until_shown(lambda status: status["desiredReplicas"] >= 6)
