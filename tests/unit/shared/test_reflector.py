"""Listing and watching, against a server that answers as a script says. (A real one: tests/kubernetes.)"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes.aio.client.exceptions import ApiException

from tidegate.shared.errors import ServiceUnreachable
from tidegate.shared.kubernetes.api import Api
from tidegate.shared.kubernetes.reflector import Reflector

PATH = "/apis/things/{version}/namespaces/here/things"


def thing(name: str, version: int = 1) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


class Script(Api):
    """`lists` are answered in their order, the last one again and again; `watches` likewise, then nothing happens."""

    def __init__(self, lists: list[Any], watches: list[list[Any]]) -> None:
        self.lists, self.watches = lists, watches
        self.served = ["v1beta1"]
        self.asked: list[str] = []
        self.watched_from: list[str] = []

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        if path == "/apis/things":
            return {"versions": [{"version": one} for one in self.served]}
        self.asked.append(path)
        await asyncio.sleep(0.01)  # an answer takes time: who asks again and again lets others go on meanwhile
        answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(answer, Exception):
            raise answer
        return {"items": answer, "metadata": {"resourceVersion": "7"}}

    async def watch(
        self, path: str, resource_version: str, timeout_s: float, **query: str
    ) -> AsyncIterator[dict[str, Any]]:
        self.watched_from.append(resource_version)
        if not self.watches:
            await asyncio.sleep(3600)
        for one in self.watches.pop(0):
            if isinstance(one, Exception):
                raise one
            yield {"type": one[0], "object": one[1]}


class Run:
    """A reflector on a script, in virtual time."""

    def __init__(self, lists: list[Any], watches: list[list[Any]], resync_s: float = 1e6) -> None:
        self.script = Script(lists, watches)
        self.heard: list[list[str]] = []
        clock = asyncio.get_running_loop().time
        self.reflector = Reflector(
            self.script,
            PATH,
            clock,
            watch_s=30,
            resync_s=resync_s,
            versions=("v1", "v1beta1"),
            heard=lambda: self.heard.append(sorted(self.reflector.objects)),
        )

    async def after(self, seconds: float) -> list[str]:
        await asyncio.sleep(seconds)
        return sorted(self.reflector.objects)


pytestmark = pytest.mark.looptime


async def test_what_is_listed_and_then_changes() -> None:
    events = [
        ("ADDED", thing("b", 8)),
        ("DELETED", thing("a", 9)),
        ("BOOKMARK", {"metadata": {"resourceVersion": "12"}}),
    ]
    run = Run([[thing("a")]], [events])
    assert await run.after(1) == ["b"]
    assert run.heard[:4] == [["a"], ["a", "b"], ["b"], ["b"]]
    assert run.script.watched_from == ["7", "12"], "a watch goes on where the last one ended"
    await run.reflector.close()


async def test_a_version_that_the_server_has_no_more_is_listed_anew_at_once() -> None:
    gone = ("ERROR", {"code": 410, "message": "too old resource version"})
    run = Run([[thing("a")], [thing("b")]], [[gone]])
    assert await run.after(0.1) == ["b"]
    assert len(run.script.asked) == 2
    await run.reflector.close()


async def test_while_the_server_is_lost_what_was_seen_stays_and_is_tried_again() -> None:
    lost = ServiceUnreachable("the server does not answer")
    run = Run([[thing("a")], lost, lost, [thing("b")]], [[lost]])
    assert await run.after(0.5) == ["a"]
    heard_at_s = run.reflector.heard_at_s
    assert await run.after(5) == ["a"]
    assert run.reflector.heard_at_s == heard_at_s
    assert await run.after(5) == ["b"], "after 1, 2 and 4 s"
    await run.reflector.close()


async def test_everything_is_listed_anew_after_a_while_whatever_the_watch_said() -> None:
    run = Run([[thing("a")], [thing("b")]], [[("BOOKMARK", thing("", 8))]], resync_s=0)
    assert await run.after(0.1) == ["b"]
    await run.reflector.close()


async def test_the_servers_version_is_looked_up_again_with_each_listing() -> None:
    run = Run([[thing("a")], ApiException(404), [thing("b")]], [[("ERROR", {"code": 410})]])
    await run.after(0.5)
    run.script.served = ["v1", "v1beta1"]
    assert await run.after(5) == ["b"]
    assert [path.split("/")[3] for path in run.script.asked] == ["v1beta1", "v1beta1", "v1"]
    await run.reflector.close()


async def test_a_server_without_any_of_the_versions_is_tried_again() -> None:
    run = Run([[thing("a")]], [])
    run.script.served = ["v2"]
    assert await run.after(1) == []
    run.script.served = ["v1"]
    assert await run.after(10) == ["a"]
    await run.reflector.close()
