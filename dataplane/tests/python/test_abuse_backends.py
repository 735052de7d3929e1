"""Backends that misbehave: their requests end with a clear status, and those of other backends notice nothing."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from raw_http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    INFER,
    INTERNAL_ERROR,
    PADDED,
    PING,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    REQUEST,
    Peer,
    block,
    encoded,
    frame,
    message,
    reset,
    settings,
    window_update,
)
from support import MIB, data_plane, honest_traffic

FOR_EVIL = b"\x0a\x04evil"
HEAD = encoded((":status", "200"), ("content-type", "application/grpc"))


class Evil:
    """Answers each request by what `script` makes of its stream's number; None: closes the connection."""

    def __init__(self, hello: bytes, script: Callable[[int], bytes | None]) -> None:
        self.hello, self.script = hello, script
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:" + str(self.listener.getsockname()[1])
        self.goaways: list[int | None] = []
        self.accepted = 0
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            with connection, Peer.accepted(connection, self.hello) as peer, contextlib.suppress(AssertionError):
                for count in itertools.count(1):
                    peer.until(lambda peer=peer, count=count: len(peer.answers) >= count, timeout_s=5)
                    answer = self.script(list(peer.answers)[count - 1])
                    if answer is None:
                        break
                    peer.send(answer)
            self.goaways.append(peer.goaway)

    @contextlib.contextmanager
    def running(self) -> Iterator["Evil"]:
        self.thread.start()
        try:
            yield self
        finally:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.thread.join()


@contextlib.contextmanager
def beside(backend: str, script: Callable[[int], bytes | None], hello: bytes = settings(), **wanted: Any):
    """A data plane before the evil backend (model "evil") and an honest one (model "m"), with honest traffic."""
    usual = {"upstream_limits": {"handshake_s": 0.5}, "retry": {"pause_s": 0.05}}
    with (
        Evil(hello, script).running() as evil,
        data_plane((evil.address, ["evil"]), (backend, ["m"]), **{**usual, **wanted}) as child,
        honest_traffic(child.address),
    ):
        yield evil, child


def ask_evil(address: str, timeout_s: float = 1.5) -> grpc.RpcError:
    with (
        grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        channel.unary_unary(INFER)(FOR_EVIL, timeout=timeout_s)
    return caught.value


def headers(stream: int, block: bytes, end: bool = False) -> bytes:
    """A header block in as many frames as it takes."""
    pieces = [block[at : at + 16_384] for at in range(0, len(block), 16_384)]
    frames = [frame(HEADERS, END_STREAM if end else 0, stream, pieces[0])]
    frames += [frame(CONTINUATION, 0, stream, piece) for piece in pieces[1:]]
    last = bytearray(frames[-1])
    last[4] |= END_HEADERS
    return b"".join(frames[:-1]) + bytes(last)


HUGE = encoded(*[(f"x-{i}", 9_000 * "h") for i in range(10)])

FLOODS = {
    "PING": lambda stream: frame(PING, payload=bytes(8)) * 5000,
    "SETTINGS": lambda stream: settings((4, 65_535)) * 5000,
    "PRIORITY": lambda stream: frame(PRIORITY, stream=stream, payload=bytes(5)) * 20_000,
    "GOAWAY": lambda stream: frame(GOAWAY, payload=b"\x7f\xff\xff\xff" + bytes(4)) * 20_000,
    "WINDOW_UPDATE": lambda stream: window_update(0, 1) * 50_000,
    "empty DATA": lambda stream: headers(stream, HEAD) + frame(DATA, 0, stream) * 5000,
    "padding": lambda stream: headers(stream, HEAD) + frame(DATA, PADDED, stream, b"\x01\x00") * 5000,
    "CONTINUATION": lambda stream: frame(HEADERS, 0, stream, HEAD) + frame(CONTINUATION, 0, stream) * 5000,
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_from_a_backend_ends_its_connection(backend, flood):
    with beside(backend, FLOODS[flood]) as (evil, child):
        error = ask_evil(child.address)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert evil.address in error.details()
        child.until(lambda counts: counts["outstanding"] <= 1)
    assert set(evil.goaways) == {ENHANCE_YOUR_CALM}


BROKEN = {
    "PUSH_PROMISE": (lambda s: frame(PUSH_PROMISE, END_HEADERS, s, bytes(3) + b"\2" + block()), PROTOCOL_ERROR),
    "a stream that nobody opened": (lambda s: headers(s + 2, HEAD), PROTOCOL_ERROR),
    "HEADERS on an even stream": (lambda s: headers(2, HEAD), PROTOCOL_ERROR),
    "a frame too large": (lambda s: frame(DATA, 0, s, bytes(16_385)), FRAME_SIZE_ERROR),
    "DATA on stream 0": (lambda s: headers(s, HEAD) + frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    "a window over 2^31 - 1": (lambda s: window_update(0, (1 << 31) - 1), FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_backend_that_breaks_http2_is_told_how(backend, case):
    script, code = BROKEN[case]
    with beside(backend, script) as (evil, child):
        assert ask_evil(child.address).code() is grpc.StatusCode.UNAVAILABLE
    assert set(evil.goaways) == {code}


STREAMS = {
    "huge headers": (lambda s: headers(s, HEAD + HUGE), "RESOURCE_EXHAUSTED"),
    "huge trailers": (
        lambda s: headers(s, HEAD) + frame(DATA, 0, s, message()) + headers(s, HUGE, end=True),
        "RESOURCE_EXHAUSTED",
    ),
    "a reset": (lambda s: reset(s, INTERNAL_ERROR), "INTERNAL"),
    "a reset within the answer": (lambda s: headers(s, HEAD) + reset(s, ENHANCE_YOUR_CALM), "RESOURCE_EXHAUSTED"),
    "upper-case headers": (lambda s: headers(s, HEAD + encoded(("X", "1"))), "INTERNAL"),
    "no :status": (lambda s: headers(s, encoded(("content-type", "application/grpc"))), "INTERNAL"),
    "half a message": (lambda s: headers(s, HEAD) + frame(DATA, END_STREAM, s, b"\0\0\0"), "UNKNOWN"),
    "no grpc-status": (lambda s: headers(s, HEAD, end=True), "UNKNOWN"),
    "an answer of HTML": (
        lambda s: headers(s, encoded((":status", "503"), ("content-type", "text/html"))) + frame(DATA, 1, s, b"<p>"),
        "UNAVAILABLE",
    ),
}


@pytest.mark.parametrize("case", STREAMS)
def test_a_broken_answer_ends_its_request_alone(backend, case):
    script, code = STREAMS[case]
    with beside(backend, script) as (evil, child):
        assert ask_evil(child.address).code().name == code
        assert ask_evil(child.address).code().name == code
        child.until(lambda counts: counts["bytes_in_flight"] < MIB)
    assert evil.accepted == 1  # the connection goes on


def test_a_storm_of_resets_leaves_nothing_behind(backend):
    with beside(backend, lambda stream: reset(stream, INTERNAL_ERROR)) as (_, child):
        before = child.rss_bytes()
        with grpc.insecure_channel(child.address) as channel:
            infer = channel.unary_unary(INFER)
            calls = [infer.future(FOR_EVIL, timeout=10) for _ in range(1000)]
            assert {call.exception().code() for call in calls} == {grpc.StatusCode.INTERNAL}
        child.until(lambda counts: counts["outstanding"] <= 1)
        assert child.rss_bytes() - before < 16 * MIB


def test_a_storm_of_goaways_is_not_followed_by_a_storm_of_connections(backend):
    """A backend that takes each connection and sends it away at once is asked a few times, then after a pause."""
    away = settings() + frame(GOAWAY, payload=bytes(8))
    with beside(backend, lambda stream: b"", hello=away) as (evil, child):
        assert ask_evil(child.address, timeout_s=0.8).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert evil.accepted <= 4 * 0.8 / 0.05


@pytest.mark.parametrize(
    "hello",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x46", bytes(range(256)) * 64],
    ids=["silence", "HTTP/1.1", "TLS", "garbage"],
)
def test_a_backend_that_speaks_no_http2(backend, hello):
    with beside(backend, lambda stream: b"", hello=hello) as (evil, child):
        error = ask_evil(child.address, timeout_s=1.2)
        assert error.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
        kinds = {kind for kind, address, _ in child.counts()["events"] if address == evil.address}
        assert "connect_failed" in kinds
        assert "connected" not in kinds


def test_a_request_sees_only_so_many_connections_break_under_it(backend):
    with beside(backend, lambda stream: None, retry={"pause_s": 0.05, "max_lost": 2}) as (evil, child):
        assert ask_evil(child.address, timeout_s=10).code() is grpc.StatusCode.UNAVAILABLE
        assert evil.accepted == 2


@pytest.mark.parametrize(("buffer_bytes", "attempts"), [(1 << 20, 3), (1000, 1)], ids=["kept", "too large"])
def test_only_what_was_kept_is_sent_again(backend, buffer_bytes, attempts):
    retry = {"pause_s": 0.05, "max_lost": 3, "buffer_bytes": buffer_bytes}
    with beside(backend, lambda stream: None, retry=retry) as (evil, child):
        padded = FOR_EVIL + b"\x3a\x88\x27" + bytes(5000)
        with grpc.insecure_channel(child.address) as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(INFER)(padded, timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert evil.accepted == attempts


def test_connections_to_a_backend_are_bounded(backend):
    """A backend that takes one stream at a time: the others wait for it."""
    trailers = encoded(("grpc-status", "0"))
    with (
        beside(
            backend,
            lambda stream: (
                headers(stream, HEAD) + frame(DATA, 0, stream, message()) + headers(stream, trailers, end=True)
            ),
            hello=settings((3, 1)),
            policy={"connections_per_backend": 1},
        ) as (evil, child),
        grpc.insecure_channel(child.address) as channel,
    ):
        calls = [channel.unary_unary(INFER).future(FOR_EVIL, timeout=20) for _ in range(50)]
        assert [call.result() for call in calls] == [REQUEST] * 50
        assert evil.accepted == 1


def test_names_that_clients_invent_are_counted_one_by_one_only_so_far(backend):
    with data_plane(backend, policy={"max_models": 3}) as child, Peer(child.address) as peer:
        for stream in range(1, 41, 2):
            name = f"invented-{stream:03}".encode()
            answer = peer.call(stream, message(b"\x0a" + bytes([len(name)]) + name))
            assert answer.status == "5"
        ended = child.counts()["ended"]
        assert len(ended) <= 3 + len(["m", "(other)"])
        assert ended["(other)"]["refused"] == 20 - 3
