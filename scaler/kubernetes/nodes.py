"""Which node pool a node belongs to: start-up differs by it (a GPU's driver, an image that is there already)."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from kubernetes.aio.client.exceptions import ApiException

from tidegate.shared.errors import ServiceUnreachable
from tidegate.shared.kubernetes.api import Api, message_of

_log = structlog.get_logger(__name__)


class NodePools:
    """Node pools by node, as far as they are known: a node is asked about once, when a pod is first seen on it."""

    def __init__(self, api: Api, labels: Sequence[str]) -> None:
        self._api = api
        self._labels = labels
        self._pools: dict[str, str] = {}
        self._refused = False

    def of(self, node: str) -> str:
        """The node pool's name; empty when nobody knows."""
        return self._pools.get(node, "")

    async def learn(self, nodes: Iterable[str]) -> None:
        """Know these nodes, and forget the others."""
        wanted = set(nodes) - {""}
        for gone in self._pools.keys() - wanted:
            del self._pools[gone]
        await asyncio.gather(*(self._ask(node) for node in sorted(wanted - self._pools.keys())))

    async def _ask(self, node: str) -> None:
        try:
            labels = (await self._api.get(f"/api/v1/nodes/{node}"))["metadata"].get("labels") or {}
        except ServiceUnreachable:
            return  # the next look asks again
        except ApiException as error:
            if not self._refused:
                _log.warning("node pools are not told apart", node=node, why=message_of(error))
            self._refused = True
            labels = {}
        self._pools[node] = next((labels[name] for name in self._labels if name in labels), "")
