"""The Kubernetes API: objects as JSON, over the official client's transport and configuration.

JSON rather than the client's classes, because those know one version of each kind and refuse what newer or older
servers send.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

from tidegate.shared.errors import InvalidSetting, ServiceUnreachable

Object = dict[str, Any]

GOODBYE_S = 0.1

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class Api:
    """One API server, as one user."""

    def __init__(self, client_: client.ApiClient, timeout_s: float) -> None:
        self.client = client_
        self._timeout_s = timeout_s

    @classmethod
    async def connect(cls, kubeconfig: Path | None, timeout_s: float) -> "Api":
        """By a kubeconfig file, or as the pod's own service account. Raises InvalidSetting."""
        settings = client.Configuration()
        try:
            if kubeconfig is None:
                config.load_incluster_config(client_configuration=settings)
            else:
                await config.load_kube_config(str(kubeconfig), client_configuration=settings)
        except config.ConfigException as error:
            place = "not in a pod" if kubeconfig is None else f"kubeconfig = {str(kubeconfig)!r}"
            raise InvalidSetting(f"{place}: {error}; name a kubeconfig file") from None
        return cls(client.ApiClient(settings), timeout_s)

    async def close(self) -> None:
        """Close the connections, and let TLS say its goodbye before the event loop may end.

        (aiohttp's documentation, "Graceful Shutdown": closing a session does not wait for that.)
        """
        await self.client.close()
        await asyncio.sleep(GOODBYE_S)

    async def get(self, path: str, **query: str) -> Object:
        """Read. Raises ApiException, and ServiceUnreachable when the server does not answer in time."""
        return await self.request("GET", path, **query)

    async def newest(self, group: str, versions: Sequence[str]) -> str:
        """The first of the versions that the server has of a group such as `/apis/apps`. Raises as `get`."""
        served = {one["version"] for one in (await self.get(group))["versions"]}
        for version in versions:
            if version in served:
                return version
        raise ApiException(HTTPStatus.NOT_FOUND, f"{group} has none of {', '.join(versions)}")

    async def patch(self, path: str, body: object, content_type: str, **query: str) -> Object:
        """Patch. Raises as `get`."""
        return await self.request("PATCH", path, body, content_type=content_type, **query)

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> Object:
        """One call. Raises as `get`."""
        try:
            answer = await self._call(method, path, body, content_type, accept, query, self._timeout_s)
            text = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ServiceUnreachable(f"the Kubernetes API does not answer {method} {path}: {error!r}") from None
        if not answer.ok:
            raise _refused(answer, text)
        found: Object = json.loads(text)
        return found

    async def watch(self, path: str, resource_version: str, timeout_s: float, **query: str) -> AsyncIterator[Object]:
        """Events ({type, object}) from a version on, until the server ends the watch. Raises as `get`."""
        asked = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, round(timeout_s))),
            **query,
        }
        limit_s = timeout_s + self._timeout_s
        try:
            answer = await self._call("GET", path, None, "application/json", "application/json", asked, limit_s)
            if not answer.ok:
                raise _refused(answer, await answer.text())
            async with answer:  # left early, the connection goes with the watch
                async for line in answer.content:
                    yield json.loads(line)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ServiceUnreachable(f"the watch of {path} broke: {error!r}") from None

    async def _call(
        self,
        method: str,
        path: str,
        body: object,
        content_type: str,
        accept: str,
        query: dict[str, str],
        timeout_s: float,
    ) -> aiohttp.ClientResponse:
        answer: aiohttp.ClientResponse = await self.client.call_api(
            path,
            method,
            query_params=list(query.items()),
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=timeout_s,
        )
        return answer


def _refused(answer: aiohttp.ClientResponse, text: str) -> ApiException:
    error = ApiException(status=answer.status, reason=answer.reason)
    error.body = text
    return error


def message_of(error: Exception) -> str:
    """What the server said, without its envelope; of an error that is not the server's, its own words."""
    if not isinstance(error, ApiException):
        return str(error)
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, TypeError, KeyError):
        return f"{error.status} {error.reason}"
