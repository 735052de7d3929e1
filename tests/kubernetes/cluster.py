"""A test's own namespace: what it puts there and reads back, as the administrator."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from kubernetes.aio.client.exceptions import ApiException

from tidegate.shared.kubernetes.api import MERGE_PATCH, Api, Object

T = TypeVar("T")

PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Deployment": "deployments",
    "Event": "events",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "Lease": "leases",
    "Namespace": "namespaces",
    "Node": "nodes",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "PredictiveScaler": "predictivescalers",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "Shelf": "shelves",
}
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace", "Node"}


class Cluster:
    """One namespace of the control plane."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace = namespace
        self._kubeconfig = kubeconfig

    async def __aenter__(self) -> "Cluster":
        self.api = await Api.connect(self._kubeconfig, timeout_s=20)
        await self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.api.close()

    def path(self, api_version: str, kind: str, name: str = "", subresource: str = "") -> str:
        """Where an object, or with no name all of its kind, is found."""
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        place = "" if kind in CLUSTER_WIDE else f"/namespaces/{self.namespace}"
        return "/".join(part for part in (f"{root}{place}/{PLURALS[kind]}", name, subresource) if part)

    async def create(self, manifest: Mapping[str, Any], **query: str) -> Object:
        """Create it."""
        return await self.api.request("POST", self.path(manifest["apiVersion"], manifest["kind"]), manifest, **query)

    async def get(self, api_version: str, kind: str, name: str, subresource: str = "") -> Object:
        """Read one."""
        return await self.api.request("GET", self.path(api_version, kind, name, subresource))

    async def list(self, api_version: str, kind: str) -> list[Object]:
        """All of the kind in the namespace."""
        found: list[Object] = (await self.api.request("GET", self.path(api_version, kind)))["items"]
        return found

    async def merge(self, api_version: str, kind: str, name: str, change: Object, subresource: str = "") -> Object:
        """Merge a change into one."""
        path = self.path(api_version, kind, name, subresource)
        return await self.api.request("PATCH", path, change, content_type=MERGE_PATCH)

    async def delete(self, api_version: str, kind: str, name: str, **query: str) -> None:
        """Delete it; gone already is fine."""
        try:
            await self.api.request("DELETE", self.path(api_version, kind, name), **query)
        except ApiException as error:
            if error.status != 404:
                raise


async def eventually(read: Callable[[], Awaitable[T]], condition: Callable[[T], bool], timeout_s: float = 30.0) -> T:
    """What `read` answers once the condition holds; fails with the last answer when it doesn't in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = await read()
        if condition(answer):
            return answer
        assert time.monotonic() < deadline, f"it did not come about within {timeout_s} s; last: {answer}"
        await asyncio.sleep(0.1)
