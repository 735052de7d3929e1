"""Unit tests are about pure values: no sockets, no channels, no sleeping."""

import time
from collections.abc import Iterator

import grpc
import pytest
from pytest_socket import disable_socket, enable_socket


def _forbidden(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("a unit test may not sleep or open a connection; pass `now`, or write an integration test")


@pytest.fixture(autouse=True)
def no_outside_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    disable_socket(allow_unix_socket=True)  # asyncio's own wake-up pipe is a Unix socket
    monkeypatch.setattr(time, "sleep", _forbidden)
    for module, name in ((grpc, "server"), (grpc, "insecure_channel"), (grpc.aio, "server")):
        monkeypatch.setattr(module, name, _forbidden)
    monkeypatch.setattr(grpc.aio, "insecure_channel", _forbidden)
    yield
    enable_socket()
