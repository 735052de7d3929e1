"""Follows a cluster's EndpointSlices: what they say goes into the backend table.

While the API is lost, what was seen last stays: the table is frozen, never emptied, and each backend's own health
check goes on deciding whether it gets requests.
"""

import asyncio
from time import time

import structlog

from router.backends import BackendTable
from router.endpoints import Sightings, endpoints
from router.settings import DiscoverySettings
from tidegate.shared.kubernetes.api import Api
from tidegate.shared.kubernetes.reflector import Reflector

GROUP = "/apis/discovery.k8s.io"
VERSIONS = ("v1", "v1beta1")
"""v1 came with 1.21, v1beta1 went with 1.25."""

_log = structlog.get_logger(__name__)


class Discovery:
    """Keeps the table, and `sightings`, as the cluster says; `heard` is set once it has said something."""

    def __init__(self, settings: DiscoverySettings, table: BackendTable, sightings: Sightings) -> None:
        self._settings = settings
        self._table = table
        self._sightings = sightings
        self.heard = asyncio.Event()

    async def start(self) -> None:
        """Connect and begin to follow. Raises InvalidSetting without a usable kubeconfig."""
        chosen = self._settings
        self._api = await Api.connect(chosen.kubeconfig, chosen.request_timeout_s)
        self._slices = Reflector(
            self._api,
            f"{GROUP}/{{version}}/namespaces/{chosen.namespace}/endpointslices",
            time,
            versions=VERSIONS,
            watch_s=chosen.stale_s / 2,
            resync_s=chosen.resync_s,
            selector=chosen.selector,
            heard=self._take,
        )

    async def close(self) -> None:
        """Stop following."""
        await self._slices.close()
        await self._api.close()

    def _take(self) -> None:
        found, ignored = endpoints(self._slices.objects.values(), self._settings.port, self._settings.max_endpoints)
        if ignored != self._sightings.ignored:
            _log.warning(
                "endpoints ignored: their slice has no such port, or there are too many",
                ignored=ignored,
                port=self._settings.port,
                max_endpoints=self._settings.max_endpoints,
            )
        self._sightings.endpoints, self._sightings.ignored = found, ignored
        self._sightings.heard_at_s = self._slices.heard_at_s
        self._table.discover(found)
        self.heard.set()
