"""The EndpointSlices of replicas on this machine, as a test wants them: a slice each, for each has a port of its own.

The API takes no loopback address for an IPv4 one; as the name of a host, which it is too, it passes.
"""

from scaler.kubernetes.pods import Object
from tests.kubernetes.cluster import Cluster
from tidegate.shared.kubernetes.api import APPLY_PATCH

GROUP = "/apis/discovery.k8s.io"
POOL_LABEL = "tidegate.dev/pool"


class Slices:
    """Those of one namespace, by the name of their only replica."""

    def __init__(self, cluster: Cluster, pool: str = "digits") -> None:
        self._cluster = cluster
        self._pool = pool

    async def put(self, name: str, address: str, *, serving: bool = True, terminating: bool = False) -> None:
        """Say how the replica stands."""
        version, path = await self._path(name)
        conditions = {"ready": serving and not terminating, "serving": serving, "terminating": terminating}
        endpoint: Object = {
            "addresses": ["127.0.0.1"],
            "conditions": conditions,
            "targetRef": {"kind": "Pod", "name": name, "namespace": self._cluster.namespace},
        }
        whole = {
            "apiVersion": f"discovery.k8s.io/{version}",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {POOL_LABEL: self._pool}},
            "addressType": "FQDN",
            "ports": [{"name": "grpc", "port": int(address.rpartition(":")[2]), "protocol": "TCP"}],
            "endpoints": [endpoint],
        }
        await self._cluster.api.patch(path, whole, APPLY_PATCH, fieldManager="test", force="true")

    async def delete(self, name: str) -> None:
        """The replica is there no more."""
        await self._cluster.api.request("DELETE", (await self._path(name))[1])

    async def _path(self, name: str) -> tuple[str, str]:
        version = await self._cluster.api.newest(GROUP, ("v1", "v1beta1"))
        return version, f"{GROUP}/{version}/namespaces/{self._cluster.namespace}/endpointslices/{name}"
