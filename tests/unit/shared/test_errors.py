"""Every error has a status, a docstring, and its place in the tree that the module's head draws."""

import inspect
import re

import grpc
import pytest

from tidegate.shared import errors
from tidegate.shared.grpc_errors import (
    DETAILS_LIMIT_BYTES,
    PUSHBACK_KEY,
    STATUS,
    details_of,
    error_of,
    status_of,
    trailers_of,
)

ALL = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.TidegateError) and cls is not errors.TidegateError
]


def _make(cls: type[errors.TidegateError]) -> errors.TidegateError:
    return cls("full", 1.5) if issubclass(cls, errors.Overloaded) else cls("what, and the mend")


@pytest.mark.parametrize("cls", ALL)
def test_every_error_has_a_status_of_its_own_branch(cls: type[errors.TidegateError]) -> None:
    branch = cls.__mro__[cls.__mro__.index(errors.TidegateError) - 1]
    assert branch in STATUS, f"{branch.__name__} is a branch of the tree and needs a line in STATUS"
    assert status_of(_make(cls)) is STATUS[branch]
    assert status_of(_make(cls)) not in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN)


def test_the_drawing_of_the_tree_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn: list[tuple[str, str | None]] = []
    ancestry: list[str] = []
    for line in errors.__doc__.splitlines():
        if match := re.match(r"^([│├└─ ]*)([A-Z][A-Za-z]+)(\s{2,}|$)", line):
            depth = len(match[1]) // 4
            ancestry = [*ancestry[:depth], match[2]]
            drawn.append((match[2], ancestry[depth - 1] if depth else None))
    real = {cls.__name__: cls.__bases__[0].__name__ for cls in ALL}
    assert dict(drawn) == {"TidegateError": None, **real}


def test_an_overload_says_when_to_try_again_in_milliseconds() -> None:
    assert trailers_of(errors.QueueFull("full", 0.25)) == ((PUSHBACK_KEY, "250"),)
    assert trailers_of(errors.NotFound("no")) == ()


def test_an_unforeseen_error_is_internal() -> None:
    assert status_of(ZeroDivisionError()) is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize(
    ("trailers", "pushback_s"), [(((PUSHBACK_KEY, "250"),), 0.25), ((), 1.0), (((PUSHBACK_KEY, "never"),), 1.0)]
)
def test_a_peers_overload_is_ours_with_its_pushback(trailers: tuple[tuple[str, str], ...], pushback_s: float) -> None:
    metadata = grpc.aio.Metadata(*trailers)
    answer = grpc.aio.AioRpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.aio.Metadata(), metadata, "full")
    error = error_of(answer, "127.0.0.1:1")
    assert isinstance(error, errors.Overloaded)
    assert (str(error), error.pushback_s) == ("127.0.0.1:1: full", pushback_s)


@pytest.mark.parametrize(
    ("details", "cls", "said"),
    [
        ("failed to connect to all addresses; last error: …", errors.ServiceUnreachable, "nobody answers at h:1"),
        ("errors resolving h:1: …", errors.ServiceUnreachable, "nobody answers at h:1"),
        ("no backend is healthy", errors.NotReady, "h:1: UNAVAILABLE: no backend is healthy"),
    ],
)
def test_a_service_that_says_unavailable_is_there(details: str, cls: type[errors.TidegateError], said: str) -> None:
    empty = grpc.aio.Metadata()
    error = error_of(grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, empty, empty, details), "h:1")
    assert type(error) is cls
    assert said in str(error)


@pytest.mark.parametrize("sign", ["m", "ä", "潮"])
def test_details_that_quote_a_huge_name_are_cut_and_short_ones_are_not(sign: str) -> None:
    assert details_of(sign * 100) == sign * 100
    cut = details_of(sign * 1_000_000)
    assert cut.startswith(sign * 600)
    assert len(cut.encode()) < DETAILS_LIMIT_BYTES + 50
    assert "cut off" in cut
