"""Three models want more than the cluster has: a scaler with a budget, on a real API server."""

from pathlib import Path

from tests.kubernetes.cluster import Cluster, eventually
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.manifests import SCALER_API, deployment, predictive_scaler
from tests.kubernetes.scene import met, scene


async def test_three_models_share_a_budget_by_priority_and_by_what_a_replica_takes(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    """Each wants the five that it may have at most. Minima take four of nine units, and `digits` needs four more."""
    others = {"chat": {"unitsPerReplica": 2}, "batch": {}}
    async with scene(plane, cluster, tmp_path, priority=3, maxReplicas=5) as at_work:
        at_work.forecasts.rate_rps = lambda _: 100.0
        at_work.routers.demand_rps = 100.0
        for name, spec in others.items():
            await cluster.create(deployment(name))
            wish = predictive_scaler(
                **{"mode": "full", "prior": {"leadSeconds": 1}, "target": {"name": name}, "maxReplicas": 5, **spec}
            )
            wish["metadata"]["name"] = name
            await cluster.create(wish)
        async with at_work.scaler(budget_units=9):

            async def asked() -> dict[str, int]:
                found = {name: await cluster.get("apps/v1", "Deployment", name) for name in ("digits", *others)}
                return {name: one["spec"]["replicas"] for name, one in found.items()}

            await eventually(asked, lambda replicas: replicas == {"digits": 5, "chat": 1, "batch": 2})
            shown = await at_work.until_shown(lambda status: status.get("desiredReplicas") == 1, "chat")
            assert shown["reason"].startswith(
                "budget: all pools want 20 units, and the budget is 9; one more would save"
            )
            assert met(shown, "ScalingLimited")["status"] == "True"
            await cluster.merge(SCALER_API, "PredictiveScaler", "batch", {"spec": {"priority": 9}})
            await eventually(asked, lambda replicas: replicas == {"digits": 2, "chat": 1, "batch": 5})
