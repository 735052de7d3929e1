"""What most tests of scaling need at once: a Deployment, its PredictiveScaler, a kubelet, and a scaler that runs."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from scaler.executors.base import Executor
from tests.kubernetes.accounts import as_scaler
from tests.kubernetes.cluster import Cluster, Object, eventually
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.kubelet import Kubelet
from tests.kubernetes.manifests import SCALER_API, deployment, predictive_scaler
from tests.kubernetes.scaler import Forecasts, Routers, running

COST = "controller.kubernetes.io/pod-deletion-cost"


class Scene:
    """A namespace at work."""

    def __init__(self, kubeconfig: Path, cluster: Cluster, kubelet: Kubelet, folder: Path) -> None:
        self._kubeconfig = kubeconfig
        self.cluster = cluster
        self.kubelet = kubelet
        self.routers = Routers(kubelet)
        self.forecasts = Forecasts()
        self._folder = folder

    @contextlib.asynccontextmanager
    async def scaler(
        self, name: str = "one", budget_units: int | None = None, **settings: object
    ) -> AsyncIterator[Executor]:
        """A scaler at work for as long as the block lasts; its executor."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        place = (self._kubeconfig, self.cluster.namespace, self.routers, self.forecasts, folder, budget_units)
        async with running(*place, **settings) as executor:
            yield executor

    async def wish(self, **spec: Any) -> None:
        """Change the PredictiveScaler."""
        await self.cluster.merge(SCALER_API, "PredictiveScaler", "digits", {"spec": spec})

    async def asked(self) -> int:
        """What the Deployment is asked for."""
        replicas: int = (await self.cluster.get("apps/v1", "Deployment", "digits"))["spec"]["replicas"]
        return replicas

    async def until_asked(self, replicas: int) -> None:
        """Return when the Deployment is asked for that many."""
        await eventually(self.asked, lambda count: count == replicas)

    async def until_ready(self, replicas: int) -> list[str]:
        """Return the ready pods when there are that many."""

        async def ready() -> list[str]:
            return sorted(self.kubelet.ready)

        return await eventually(ready, lambda pods: len(pods) == replicas)

    async def shown(self, name: str = "digits") -> Object:
        """The PredictiveScaler's status."""
        found: Object = (await self.cluster.get(SCALER_API, "PredictiveScaler", name)).get("status", {})
        return found

    async def until_shown(self, condition: Callable[[Object], bool], name: str = "digits") -> Object:
        """The status when it is so."""
        return await eventually(lambda: self.shown(name), condition)

    async def until_inactive(self, reason: str, name: str = "digits") -> str:
        """The message when nothing is scaled for that reason."""
        shown = await self.until_shown(lambda status: met(status, "Active").get("reason") == reason, name)
        assert met(shown, "Active")["status"] == "False"
        message: str = met(shown, "Active")["message"]
        return message

    async def events(self) -> set[tuple[str, str]]:
        """(type, reason) of the Events about PredictiveScalers."""
        found = await self.cluster.list("v1", "Event")
        return {(one["type"], one["reason"]) for one in found if one["involvedObject"]["kind"] == "PredictiveScaler"}


def met(status: Object, kind: str) -> Object:
    """One condition; {} for one that is not there."""
    return next((one for one in status.get("conditions", []) if one["type"] == kind), {})


@contextlib.asynccontextmanager
async def scene(
    plane: ControlPlane, cluster: Cluster, folder: Path, *, replicas: int = 1, start_s: float = 0.0, **spec: Any
) -> AsyncIterator[Scene]:
    """Deployment and PredictiveScaler `digits`; pods are ready `start_s` after they are scheduled.

    The scaler has the rights of k8s/base/rbac.yaml and no more.
    """
    kubeconfig = await as_scaler(plane, cluster)
    await cluster.create(deployment(replicas=replicas))
    await cluster.create(predictive_scaler(**{"mode": "full", "prior": {"leadSeconds": 1}, **spec}))
    async with Kubelet(cluster, start_s) as kubelet:
        yield Scene(kubeconfig, cluster, kubelet, folder)
