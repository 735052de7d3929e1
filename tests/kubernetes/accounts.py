"""The service accounts of k8s/base, in a test's own namespace."""

from pathlib import Path

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.manifests import BASE, load


async def make_accounts(cluster: Cluster) -> None:
    """Every account, with its rights."""
    for thing in load(BASE / "rbac.yaml"):
        await cluster.create(thing)


async def as_scaler(plane: ControlPlane, cluster: Cluster) -> Path:
    """The accounts, and a kubeconfig of the scaler's own."""
    await make_accounts(cluster)
    return await kubeconfig_of(plane, cluster, "tidegate-scaler")


async def kubeconfig_of(plane: ControlPlane, cluster: Cluster, account: str) -> Path:
    """A kubeconfig of one account, with the rights that the manifests give it and no more."""
    path = cluster.path("v1", "ServiceAccount", account, "token")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = (await cluster.api.request("POST", path, request))["status"]["token"]
    return plane.kubeconfig(token, f"{account}-of-{cluster.namespace}")
