"""Writes what the scaler did: the status of a PredictiveScaler, and Events. Neither ever keeps it from scaling."""

from collections.abc import Mapping
from typing import Any

import structlog
from kubernetes.aio.client.exceptions import ApiException

from scaler.kubernetes.status import news, worth_writing
from scaler.kubernetes.wishes import Wish, override_item
from scaler.overrides import Override
from tidegate.shared.errors import ServiceUnreachable
from tidegate.shared.kubernetes.api import APPLY_PATCH, Api, Object, message_of
from tidegate.shared.times import utc

API_VERSION = "tidegate.dev/v1alpha1"
MANAGER = "tidegate-scaler"
CONDITIONS_THAT_ARE_BAD = {"ScalingLimited"}
"""Conditions that are as they should be while they are False."""

_log = structlog.get_logger(__name__)


class Reporter:
    """One namespace's."""

    def __init__(self, api: Api, namespace: str, period_s: float) -> None:
        self._api = api
        self._namespace = namespace
        self._period_s = period_s
        self._wrote_at_s: dict[str, float] = {}
        self._refused: dict[str, str] = {}

    async def report(self, wish: Wish, before: Mapping[str, Any], after: dict[str, Any], now_s: float) -> Object | None:
        """Bring the status up to date where that is worth a write, and tell of conditions that changed.

        The answer is the object after the write; None when nothing was written.
        """
        age_s = now_s - self._wrote_at_s.get(wish.name, 0.0)
        if not worth_writing(before, after, age_s, self._period_s):
            return None
        path, body = self._applied(wish, after)
        found = await self._send("PATCH", path, body, content_type=APPLY_PATCH, fieldManager=MANAGER, force="true")
        if found is None:
            return None
        self._wrote_at_s[wish.name] = now_s
        if before.get("mode", after.get("mode")) != after.get("mode"):
            why = f"{before['mode']} becomes {after['mode']}: {after['modeReason']}"
            await self.event(wish, "Normal", "ModeChanged", why, now_s)
        for one in news(before, after):
            fine = one.true is (one.type not in CONDITIONS_THAT_ARE_BAD)
            await self.event(wish, "Normal" if fine else "Warning", one.reason, one.message, now_s)
        return found

    async def override(self, wish: Wish, override: Override) -> Object:
        """Keep an override in the status; the answer is the object after it.

        Each kind has a field manager of its own, so that who writes one leaves the others and the figures alone.
        Raises ApiException, ServiceUnreachable.
        """
        path, body = self._applied(wish, {"overrides": [override_item(override)]})
        manager = f"{MANAGER}-{override.kind}"
        found = await self._api.request(
            "PATCH", path, body, content_type=APPLY_PATCH, fieldManager=manager, force="true"
        )
        await self.event(wish, "Normal", "Overridden", f"{override.deed} {override.words}", override.at_s)
        return found

    def _applied(self, wish: Wish, status: Mapping[str, Any]) -> tuple[str, Object]:
        """Path and body of a server-side apply to a resource's status."""
        path = f"/apis/{API_VERSION}/namespaces/{self._namespace}/predictivescalers/{wish.name}/status"
        meta = {"name": wish.name, "namespace": self._namespace, "uid": wish.uid}
        return path, {"apiVersion": API_VERSION, "kind": "PredictiveScaler", "metadata": meta, "status": status}

    async def event(self, wish: Wish, kind: str, reason: str, message: str, now_s: float) -> None:
        """One Event about a PredictiveScaler; `kind` is Normal or Warning."""
        at = utc(now_s)
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{wish.name}-", "namespace": self._namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": "PredictiveScaler",
                "name": wish.name,
                "namespace": self._namespace,
                "uid": wish.uid,
            },
            "type": kind,
            "reason": reason,
            "message": message[:1024],
            "source": {"component": MANAGER},
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }
        await self._send("POST", f"/api/v1/namespaces/{self._namespace}/events", body)

    async def _send(self, method: str, path: str, body: object, **how: str) -> Object | None:
        try:
            found = await self._api.request(method, path, body, **how)
        except (ApiException, ServiceUnreachable) as error:
            why = message_of(error)
            if self._refused.get(path) != why:
                _log.warning("not reported", path=path, why=why)
            self._refused[path] = why
            return None
        self._refused.pop(path, None)
        return found
