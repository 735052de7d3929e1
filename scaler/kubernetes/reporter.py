"""Writes what the scaler did: the status of a PredictiveScaler, and Events. Neither ever keeps it from scaling."""

from collections.abc import Mapping
from typing import Any

import structlog
from kubernetes.aio.client.exceptions import ApiException

from scaler.kubernetes.status import news, worth_writing
from scaler.kubernetes.wishes import Wish
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
        path = f"/apis/{API_VERSION}/namespaces/{self._namespace}/predictivescalers/{wish.name}/status"
        body = {
            "apiVersion": API_VERSION,
            "kind": "PredictiveScaler",
            "metadata": {"name": wish.name, "namespace": self._namespace, "uid": wish.uid},
            "status": after,
        }
        found = await self._send("PATCH", path, body, content_type=APPLY_PATCH, fieldManager=MANAGER, force="true")
        if found is None:
            return None
        self._wrote_at_s[wish.name] = now_s
        for one in news(before, after):
            fine = one.true is (one.type not in CONDITIONS_THAT_ARE_BAD)
            await self.event(wish, "Normal" if fine else "Warning", one.reason, one.message, now_s)
        return found

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
            why = message_of(error) if isinstance(error, ApiException) else str(error)
            if self._refused.get(path) != why:
                _log.warning("not reported", path=path, why=why)
            self._refused[path] = why
            return None
        self._refused.pop(path, None)
        return found
