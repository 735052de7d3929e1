"""The service accounts of k8s/base, in a test's own namespace."""

from http import HTTPStatus
from pathlib import Path

from kubernetes.aio.client.exceptions import ApiException

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.manifests import BASE, load


async def make_accounts(cluster: Cluster) -> None:
    """Every account, with its rights; what is cluster-wide is one for all namespaces, but bound for each."""
    for thing in load(BASE / "rbac.yaml"):
        if thing["kind"] == "ClusterRoleBinding":
            thing["metadata"]["name"] += f"-{cluster.namespace}"
            for subject in thing["subjects"]:
                subject["namespace"] = cluster.namespace
        try:
            await cluster.create(thing)
        except ApiException as error:
            if (thing["kind"], error.status) != ("ClusterRole", HTTPStatus.CONFLICT):
                raise


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
