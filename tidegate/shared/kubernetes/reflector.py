"""A copy of what the API lists at one path, kept up to date by a watch."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from kubernetes.aio.client.exceptions import ApiException

from tidegate.shared.errors import ServiceUnreachable
from tidegate.shared.kubernetes.api import Api, Object, message_of
from tidegate.shared.kubernetes.back_off import BackOff

PAGE = "500"
GONE = 410
"""The server no longer has the version that a watch should begin at: list anew."""

_log = structlog.get_logger(__name__)


class Reflector:
    """Lists, then watches from there; lists anew after any error, when the version is gone, and every `resync_s`.

    `objects` is by name. While the API is lost they stay as they were seen last; `heard_at_s` says when that was, and
    `heard` is called each time that it moves. With `versions` the path's "{version}" is the first of them that the
    server has, looked up before each listing.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        clock: Callable[[], float],
        *,
        watch_s: float,
        resync_s: float,
        selector: str = "",
        versions: Sequence[str] = (),
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self.objects: dict[str, Object] = {}
        self.heard_at_s: float | None = None
        self._api = api
        self._where = path
        self._path = path
        self._versions = versions
        self._tell = heard
        self._clock = clock
        self._watch_s = watch_s
        self._resync_s = resync_s
        self._query = {"labelSelector": selector} if selector else {}
        self._back_off = BackOff()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop watching."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failing = False
        while True:
            try:
                await self._follow(await self._list())
            except (ApiException, ServiceUnreachable) as error:
                why = message_of(error)
                if not failing:
                    _log.warning("what was seen last stays", path=self._path, why=why)
                failing = True
                await asyncio.sleep(self._back_off.failed(self._where, self._clock()))
                continue
            failing = False

    async def _list(self) -> str:
        if self._versions:
            group = self._where.partition("/{version}")[0]
            self._path = self._where.format(version=await self._api.newest(group, self._versions))
        found: dict[str, Object] = {}
        query = {**self._query, "limit": PAGE}
        while True:
            page = await self._api.get(self._path, **query)
            found.update({one["metadata"]["name"]: one for one in page["items"]})
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
        self.objects = found
        self._heard()
        version: str = page["metadata"]["resourceVersion"]
        return version

    async def _follow(self, version: str) -> None:
        """Watch until it is time to list anew."""
        until_s = self._clock() + self._resync_s
        while self._clock() < until_s:
            async for event in self._api.watch(self._path, version, self._watch_s, **self._query):
                thing = event["object"]
                if event["type"] == "ERROR":
                    if thing.get("code") == GONE:
                        return
                    raise ServiceUnreachable(f"the watch of {self._path} ended: {thing.get('message')}")
                version = thing["metadata"]["resourceVersion"]
                self._take(event["type"], thing)
            self._heard()

    def _take(self, kind: str, thing: Object) -> None:
        name = thing["metadata"].get("name")
        if kind == "DELETED":
            self.objects.pop(name, None)
        elif kind != "BOOKMARK":
            self.objects[name] = thing
        self._heard()

    def _heard(self) -> None:
        self.heard_at_s = self._clock()
        self._back_off.done(self._where)
        self._tell()
