"""What one pool scales: its scale subresource, and the pods behind it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from kubernetes.aio.client.exceptions import ApiException

from scaler.kubernetes.conflict import Ownership
from scaler.kubernetes.pods import Pod, pod
from scaler.kubernetes.wishes import Target
from scaler.settings import KubernetesSettings
from tidegate.shared.errors import NotReady, ServiceUnreachable
from tidegate.shared.kubernetes.api import JSON_PATCH, MERGE_PATCH, Api, Object, message_of
from tidegate.shared.kubernetes.reflector import Reflector

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
VICTIM_COST = "-1000"
"""Below every pod that nobody annotated (0): the ReplicaSet lets these go first."""


_log = structlog.get_logger(__name__)


class NumberChanged(NotReady):
    """Somebody set the target's replicas since they were read; what to do is decided anew."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale subresource as it was read last."""

    replicas: int
    selector: str
    version: str


class ScaleTarget:
    """Reads and writes one target. `scale` is None before it was first read, `trouble` says why a look failed."""

    def __init__(self, api: Api, settings: KubernetesSettings, target: Target, clock: Callable[[], float]) -> None:
        self.target = target
        self.scale: Scale | None = None
        self.trouble = ""
        self.ownership = Ownership()
        self._lock = asyncio.Lock()
        self._api = api
        self._settings = settings
        self._clock = clock
        self._path = ""
        self._watched: Reflector | None = None
        self._pods_path = f"/api/v1/namespaces/{settings.namespace}/pods"

    async def look(self, now_s: float, *, leads: bool) -> None:
        """Read the scale, and follow the pods that it selects.

        Whoever doesn't lead takes every number for the leader's.
        """
        async with self._lock:  # a number read before we set another one would look like somebody else's
            try:
                self._path = self._path or await self._find()
                found = await self._api.get(self._path)
            except (ApiException, ServiceUnreachable) as error:
                if isinstance(error, ApiException):
                    self._path = ""
                self.trouble = message_of(error)
                return
            await self._take(found, now_s, leads)

    async def _take(self, found: Object, now_s: float, leads: bool) -> None:
        selector = found.get("status", {}).get("selector", "")
        if not selector:
            self.trouble = f"{self.target} has no label selector in its scale: its pods can't be told from others"
            return
        if self.scale is None or self.scale.selector != selector:
            await self._follow(selector)
        replicas = found.get("spec", {}).get("replicas", 0)
        self.scale = Scale(replicas, selector, found["metadata"]["resourceVersion"])
        self.trouble = ""
        before = self.ownership if leads else Ownership()
        self.ownership = before.saw(now_s, replicas)
        if self.ownership.strikes > before.strikes:
            _log.warning("somebody else set the replicas", target=str(self.target), to=replicas)

    def pods(self) -> list[Pod]:
        """Its pods as they were seen last."""
        return [] if self._watched is None else [pod(one) for one in self._watched.objects.values()]

    @property
    def heard_at_s(self) -> float | None:
        """When the API last confirmed what is known of the pods; None before it ever did."""
        return None if self._watched is None else self._watched.heard_at_s

    async def set_replicas(self, replicas: int) -> None:
        """Set the number, on the condition that it is still the one that was read.

        Raises NumberChanged, ApiException, ServiceUnreachable.
        """
        async with self._lock:
            assert self.scale is not None
            # A number of 0 is left out of what the API compares with: there the object's version must be the same.
            unchanged = (
                {"op": "test", "path": "/spec/replicas", "value": self.scale.replicas}
                if self.scale.replicas
                else {"op": "test", "path": "/metadata/resourceVersion", "value": self.scale.version}
            )
            change = [unchanged, {"op": "add", "path": "/spec/replicas", "value": replicas}]
            try:
                after = await self._api.patch(self._path, change, JSON_PATCH, fieldManager="tidegate-scaler")
            except ApiException as error:
                if error.status in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
                    raise NumberChanged(message_of(error)) from None
                raise
            _log.info("scaled", target=str(self.target), before=self.scale.replicas, replicas=replicas)
            self.scale = Scale(replicas, self.scale.selector, after["metadata"]["resourceVersion"])
            self.ownership = self.ownership.wrote(replicas)

    async def set_costs(self, pods: Sequence[str], cost: str | None) -> None:
        """Annotate pods with what their deletion costs; None takes it back. A pod that is gone is no error."""
        change = {"metadata": {"annotations": {DELETION_COST: cost}}}
        for name in pods:
            try:
                await self._api.patch(f"{self._pods_path}/{name}", change, MERGE_PATCH)
            except ApiException as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise

    async def close(self) -> None:
        """Stop watching."""
        if self._watched is not None:
            await self._watched.close()

    async def _find(self) -> str:
        """The scale's path: what a kind is called in paths is for the server to say."""
        version = self.target.api_version
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        resources = (await self._api.get(root))["resources"]
        plural = next(
            (one["name"] for one in resources if one["kind"] == self.target.kind and "/" not in one["name"]), None
        )
        if plural is None or not any(one["name"] == f"{plural}/scale" for one in resources):
            raise ApiException(HTTPStatus.NOT_FOUND, f"{version} has no kind {self.target.kind} that can be scaled")
        return f"{root}/namespaces/{self._settings.namespace}/{plural}/{self.target.name}/scale"

    async def _follow(self, selector: str) -> None:
        await self.close()
        self._watched = Reflector(
            self._api,
            self._pods_path,
            self._clock,
            watch_s=self._settings.stale_s / 2,
            resync_s=self._settings.resync_s,
            selector=selector,
        )
