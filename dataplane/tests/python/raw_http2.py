"""HTTP/2 by hand: frames that no honest library would send, and what comes back."""

import select
import socket
import time
from dataclasses import dataclass, field

import hpack
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED = range(6)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, _CONNECT_ERROR, ENHANCE_YOUR_CALM = range(6, 12)

INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer"
REQUEST = b"\x0a\x01m"  # a ModelInferRequest for model "m"


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"", length: int | None = None) -> bytes:
    """One frame, RFC 9113 §4.1; `length` lies about the payload's when given."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def settings(*entries: tuple[int, int]) -> bytes:
    return frame(
        SETTINGS, payload=b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in entries)
    )


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, stream=stream, payload=increment.to_bytes(4, "big"))


def reset(stream: int, code: int = CANCEL) -> bytes:
    return frame(RST_STREAM, stream=stream, payload=code.to_bytes(4, "big"))


def message(payload: bytes = REQUEST, flag: int = 0, length: int | None = None) -> bytes:
    """A gRPC message with its prefix; `length` lies about the payload's when given."""
    return bytes([flag]) + (len(payload) if length is None else length).to_bytes(4, "big") + payload


def block(*extra: tuple[str, str], path: str = INFER, without: str = "", **replaced: str) -> bytes:
    """A request's header block, without Huffman or the dynamic table: it means the same on any connection."""
    usual = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "test",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    usual.update({name.replace("_", "-"): value for name, value in replaced.items()})
    headers = [(name, value) for name, value in usual.items() if name != without]
    return encoded(*headers, *extra)


def encoded(*headers: tuple[str, str]) -> bytes:
    """Header fields as literals without indexing (RFC 7541 §6.2.2), exactly as given."""

    def text(value: str | bytes) -> bytes:
        raw = value.encode() if isinstance(value, str) else value
        return integer(len(raw), 7) + raw

    return b"".join(b"\x00" + text(name) + text(value) for name, value in headers)


def integer(value: int, bits: int) -> bytes:
    """RFC 7541 §5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    value -= most
    parts = [most]
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def request(stream: int, body: bytes | None = None, head: bytes | None = None, end: bool = True) -> bytes:
    """A whole unary call."""
    headers = frame(HEADERS, END_HEADERS, stream, block() if head is None else head)
    return headers + frame(DATA, END_STREAM if end else 0, stream, message() if body is None else body)


@dataclass
class Answer:
    """What came on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None

    @property
    def status(self) -> str | None:
        """The grpc-status, wherever it stood."""
        return {**self.headers, **self.trailers}.get("grpc-status")

    @property
    def words(self) -> str:
        return {**self.headers, **self.trailers}.get("grpc-message", "")


class Peer:
    """One connection, ours to abuse. It acknowledges nothing and opens no window unless told to."""

    def __init__(self, address: str, hello: bytes = PREFACE + settings(), receive_buffer_bytes: int = 0) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.connect((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._start(hello)

    @classmethod
    def accepted(cls, connected: socket.socket, hello: bytes) -> "Peer":
        """The same over a connection that somebody made to us."""
        self = cls.__new__(cls)
        self.socket = connected
        self._start(hello, len(PREFACE))
        return self

    def _start(self, hello: bytes, preface_bytes: int = 0) -> None:
        self.socket.setblocking(False)
        self.buffer = bytearray()
        self.preface_left = preface_bytes  # of the other side's, that are still to come
        self.decoder = hpack.Decoder()
        self.answers: dict[int, Answer] = {}
        self.kinds: list[int] = []  # of the frames received
        self.settings: dict[int, int] = {}
        self.credit = 65_535  # bytes of DATA that the connection may still be sent
        self.goaway: int | None = None
        self.debug = b""
        self.last_stream = -1
        self.closed = False
        self.send(hello)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes, *, timeout_s: float = 10.0, deaf: bool = False) -> bool:
        """All of it; what comes meanwhile is read, unless deaf. False when the other side closed or takes no more."""
        view, deadline = memoryview(data), time.monotonic() + timeout_s
        while view and not self.closed:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            readable, writable, _ = select.select([] if deaf else [self.socket], [self.socket], [], left)
            if readable:
                self._receive()
            if writable and not self.closed:
                try:
                    view = view[self.socket.send(view[:65536]) :]
                except BlockingIOError:
                    continue  # others took the room; select says when there is some again
                except OSError:
                    self.closed = True
        return not view

    def until(self, condition, timeout_s: float = 10.0) -> None:
        """Reads until the condition holds; fails when it doesn't in time, or the connection ends before."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"not in time; GOAWAY {self.goaway} {self.debug!r}, {self.answers}"
            assert not self.closed, f"the connection ended first; GOAWAY {self.goaway} {self.debug!r}, {self.answers}"
            if select.select([self.socket], [], [], left)[0]:
                self._receive()

    def ended(self, timeout_s: float = 0.05) -> bool:
        """Whether the other side has closed, or does within this time."""
        while not self.closed and select.select([self.socket], [], [], timeout_s)[0]:
            self._receive()
        return self.closed

    def until_closed(self, timeout_s: float = 10.0) -> int | None:
        """Reads to the end of the connection; returns the last GOAWAY's error code."""
        self.until(lambda: self.closed, timeout_s)
        return self.goaway

    def answer(self, stream: int, timeout_s: float = 10.0) -> Answer:
        """The stream's whole answer."""
        self.until(lambda: stream in self.answers and self.answers[stream].over, timeout_s)
        return self.answers[stream]

    def call(self, stream: int, *args, **named) -> Answer:
        self.send(request(stream, *args, **named))
        return self.answer(stream)

    def ping(self, payload: bytes = b"are you?") -> None:
        """Returns when everything sent before was read and answered."""
        seen = self.kinds.count(PING)
        self.send(frame(PING, payload=payload))
        self.until(lambda: self.kinds.count(PING) > seen)

    def _receive(self) -> None:
        try:
            got = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            self.closed = True
            return
        skipped = min(self.preface_left, len(got))
        self.preface_left -= skipped
        self.buffer += got[skipped:]
        while len(self.buffer) >= 9:
            size = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + size:
                return
            parsed, _ = Frame.parse_frame_header(memoryview(bytes(self.buffer[:9])))
            parsed.parse_body(memoryview(bytes(self.buffer[9 : 9 + size])))
            del self.buffer[: 9 + size]
            self._received(parsed)

    def _received(self, got: Frame) -> None:
        self.kinds.append(got.type if got.type is not None else -1)
        if isinstance(got, GoAwayFrame):
            self.goaway, self.debug, self.last_stream = got.error_code, got.additional_data, got.last_stream_id
        if isinstance(got, WindowUpdateFrame) and got.stream_id == 0:
            self.credit += got.window_increment
        if isinstance(got, SettingsFrame):
            self.settings.update(got.settings)
        if got.stream_id == 0:
            return
        answer = self.answers.setdefault(got.stream_id, Answer())
        if isinstance(got, HeadersFrame):
            assert "END_HEADERS" in got.flags
            fields = {str(name): str(value) for name, value in self.decoder.decode(got.data)}
            (answer.trailers if answer.headers else answer.headers).update(fields)
        elif isinstance(got, DataFrame):
            answer.body += got.data
        elif isinstance(got, RstStreamFrame):
            answer.reset = got.error_code
        if "END_STREAM" in got.flags:
            answer.ended = True
