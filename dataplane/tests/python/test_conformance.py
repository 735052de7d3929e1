"""What breaks HTTP/2 is answered by RFC 9113's error code: of the connection (GOAWAY) or of one stream (RST_STREAM)."""

import pytest
from raw_http2 import (
    ACK,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    NO_ERROR,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    REQUEST,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    Peer,
    block,
    encoded,
    frame,
    message,
    request,
    reset,
    settings,
    window_update,
)
from support import data_plane, honest_traffic

OPEN = frame(HEADERS, END_HEADERS, 1, block())
BIG = 16_385  # bytes: one more than SETTINGS_MAX_FRAME_SIZE

CONNECTION_ERRORS = {
    # §4.1-4.2, frame sizes
    "a frame over the size that was agreed": (OPEN + frame(DATA, 0, 1, bytes(BIG)), FRAME_SIZE_ERROR),
    "HEADERS over it": (frame(HEADERS, END_HEADERS, 1, bytes(BIG)), FRAME_SIZE_ERROR),
    "PING of 7 bytes": (frame(PING, payload=bytes(7)), FRAME_SIZE_ERROR),
    "PRIORITY of 4 bytes": (frame(PRIORITY, stream=1, payload=bytes(4)), FRAME_SIZE_ERROR),
    "RST_STREAM of 3 bytes": (OPEN + frame(RST_STREAM, stream=1, payload=bytes(3)), FRAME_SIZE_ERROR),
    "SETTINGS of 5 bytes": (frame(SETTINGS, payload=bytes(5)), FRAME_SIZE_ERROR),
    "SETTINGS ACK with a payload": (frame(SETTINGS, ACK, payload=bytes(6)), FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of 5 bytes": (frame(WINDOW_UPDATE, payload=bytes(5)), FRAME_SIZE_ERROR),
    "GOAWAY of 7 bytes": (frame(GOAWAY, payload=bytes(7)), FRAME_SIZE_ERROR),
    # §4.3, header compression
    "an index beyond the table": (frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\x50"), COMPRESSION_ERROR),
    "a table size over what was allowed": (frame(HEADERS, END_HEADERS, 1, b"\x3f\xe1\xff\x03"), COMPRESSION_ERROR),
    "a header cut off": (frame(HEADERS, END_HEADERS, 1, b"\x00\x05ab"), COMPRESSION_ERROR),
    # §5.1, states and identifiers of streams
    "DATA on an idle stream": (frame(DATA, stream=1, payload=b"x"), PROTOCOL_ERROR),
    "RST_STREAM on an idle stream": (reset(1), PROTOCOL_ERROR),
    "WINDOW_UPDATE on an idle stream": (window_update(1, 1), PROTOCOL_ERROR),
    "an even stream": (request(2), PROTOCOL_ERROR),
    "a stream lower than the last": (request(5) + request(3), PROTOCOL_ERROR),
    "stream 0": (frame(HEADERS, END_HEADERS, 0, block()), PROTOCOL_ERROR),
    "DATA on stream 0": (frame(DATA, payload=b"x"), PROTOCOL_ERROR),
    "RST_STREAM on stream 0": (reset(0), PROTOCOL_ERROR),
    "PRIORITY on stream 0": (frame(PRIORITY, payload=bytes(5)), PROTOCOL_ERROR),
    "CONTINUATION on stream 0": (frame(CONTINUATION, END_HEADERS, 0, block()), PROTOCOL_ERROR),
    "SETTINGS on a stream": (frame(SETTINGS, stream=1), PROTOCOL_ERROR),
    "PING on a stream": (frame(PING, stream=1, payload=bytes(8)), PROTOCOL_ERROR),
    "GOAWAY on a stream": (frame(GOAWAY, stream=1, payload=bytes(8)), PROTOCOL_ERROR),
    # §6, the frames
    "padding as long as DATA": (OPEN + frame(DATA, PADDED, 1, b"\x05xyz"), PROTOCOL_ERROR),
    "padding without its length": (OPEN + frame(DATA, PADDED, 1), PROTOCOL_ERROR),
    "padding as long as HEADERS": (frame(HEADERS, END_HEADERS | PADDED, 1, b"\xff" + block()), PROTOCOL_ERROR),
    "HEADERS too short for its priority": (frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, b"\0\0"), FRAME_SIZE_ERROR),
    "another frame within a header block": (
        frame(HEADERS, 0, 1, block()) + frame(PING, payload=bytes(8)),
        PROTOCOL_ERROR,
    ),
    "CONTINUATION of another stream": (frame(HEADERS, 0, 1, block()) + frame(CONTINUATION, 4, 3), PROTOCOL_ERROR),
    "CONTINUATION without HEADERS": (OPEN + frame(CONTINUATION, END_HEADERS, 1), PROTOCOL_ERROR),
    "ENABLE_PUSH = 2": (settings((2, 2)), PROTOCOL_ERROR),
    "INITIAL_WINDOW_SIZE over 2^31 - 1": (settings((4, 1 << 31)), FLOW_CONTROL_ERROR),
    "MAX_FRAME_SIZE below 16 384": (settings((5, 16_383)), PROTOCOL_ERROR),
    "MAX_FRAME_SIZE over 2^24 - 1": (settings((5, 1 << 24)), PROTOCOL_ERROR),
    "PUSH_PROMISE from a client": (OPEN + frame(PUSH_PROMISE, 4, 1, bytes(3) + b"\2" + block()), PROTOCOL_ERROR),
    "an increment of 0 for the connection": (window_update(0, 0), PROTOCOL_ERROR),
    "an increment of 0 for a stream": (OPEN + window_update(1, 0), PROTOCOL_ERROR),
    "a window over 2^31 - 1": (window_update(0, (1 << 31) - 1), FLOW_CONTROL_ERROR),
    "no SETTINGS after the preface": (None, PROTOCOL_ERROR),
}


@pytest.mark.parametrize("case", CONNECTION_ERRORS)
def test_an_error_of_the_connection(plane, case):
    sent, code = CONNECTION_ERRORS[case]
    hello = PREFACE + settings() if sent is not None else PREFACE + frame(PING, payload=bytes(8))
    with Peer(plane.address, hello) as peer:
        peer.send(sent or b"")
        assert peer.until_closed() == code


HEAD = (("content-type", "application/grpc"), ("te", "trailers"))
PSEUDO = ((":method", "POST"), (":scheme", "http"), (":path", "/x/Y"), (":authority", "test"))


def headers(*fields: tuple[str, str]) -> bytes:
    return frame(HEADERS, END_HEADERS, 1, encoded(*fields)) + frame(DATA, END_STREAM, 1, message())


def with_header(name: str, value: str) -> bytes:
    return headers(*PSEUDO, *HEAD, (name, value))


STREAM_ERRORS = {
    # §8.2-8.3, header fields
    "an upper-case name": with_header("X-Upper", "1"),
    "a name with a space": with_header("x y", "1"),
    "an empty name": with_header("", "1"),
    "a value with a line break": with_header("x", "a\nb"),
    "a value with NUL": with_header("x", "a\0b"),
    "an unknown pseudo-header": headers(*PSEUDO, (":what", "1"), *HEAD),
    "a response's pseudo-header": headers(*PSEUDO, (":status", "200"), *HEAD),
    "a pseudo-header after the others": headers(*PSEUDO[:3], *HEAD, PSEUDO[3]),
    "a pseudo-header twice": headers(*PSEUDO, (":path", "/a/B"), *HEAD),
    "no :method": headers(*PSEUDO[1:], *HEAD),
    "no :path": headers(*PSEUDO[:2], PSEUDO[3], *HEAD),
    "no :scheme": headers(PSEUDO[0], *PSEUDO[2:], *HEAD),
    "an empty :path": headers(*PSEUDO[:2], (":path", ""), *HEAD),
    "connection": with_header("connection", "keep-alive"),
    "transfer-encoding": with_header("transfer-encoding", "chunked"),
    "upgrade": with_header("upgrade", "h2c"),
    "keep-alive": with_header("keep-alive", "1"),
    "te other than trailers": headers(*PSEUDO, HEAD[0], ("te", "gzip")),
    # §8.1.1, content-length and trailers
    "content-length below the body's": with_header("content-length", "3"),
    "content-length above the body's": with_header("content-length", "300"),
    "content-length that is no number": with_header("content-length", "x"),
    "two content-lengths": headers(*PSEUDO, *HEAD, ("content-length", "8"), ("content-length", "8")),
    "trailers without END_STREAM": OPEN + frame(HEADERS, END_HEADERS, 1, encoded(("x", "1"))),
    "a pseudo-header in trailers": OPEN + frame(HEADERS, END_HEADERS | END_STREAM, 1, encoded((":path", "/"))),
}


@pytest.mark.parametrize("case", STREAM_ERRORS)
def test_an_error_of_one_stream_leaves_the_others(plane, case):
    with Peer(plane.address) as peer:
        peer.send(STREAM_ERRORS[case])
        assert peer.answer(1).reset == PROTOCOL_ERROR
        assert peer.call(3).status == "0"
        assert peer.goaway is None


def test_data_or_headers_after_the_end_of_a_stream(plane):
    for late in (frame(DATA, 0, 1, b"late"), frame(HEADERS, END_HEADERS | END_STREAM, 1, encoded(("x", "1")))):
        with Peer(plane.address) as peer:
            hanging = frame(HEADERS, END_HEADERS | END_STREAM, 1, block(path="/no/One", tidegate_model="nobody"))
            peer.send(hanging + late)
            assert peer.until_closed() == STREAM_CLOSED


def test_a_stream_whose_window_overflows(plane):
    with Peer(plane.address) as peer:
        peer.send(OPEN + window_update(1, (1 << 31) - 1))
        assert peer.answer(1).reset == FLOW_CONTROL_ERROR
        assert peer.call(3).status == "0"


def test_more_data_than_the_window_that_was_given():
    """§6.9.1: 256 KiB for a stream. Here nothing gives them back: the request waits for a replica."""
    with data_plane(models=["m"]) as child, Peer(child.address) as peer:
        peer.until(lambda: SETTINGS in peer.kinds)
        peer.send(
            frame(SETTINGS, ACK)
            + OPEN
            + frame(DATA, 0, 1, message(length=1 << 20))
            + frame(DATA, 0, 1, bytes(16_000)) * 16
        )
        child.until(lambda counts: counts["held"] == 1)
        peer.send(frame(DATA, 0, 1, bytes(16_000)))
        assert peer.answer(1).reset == FLOW_CONTROL_ERROR
        child.until(lambda counts: counts["held"] == 0 and counts["bytes_in_flight"] == 0)


ALLOWED = {
    "unknown frames": frame(0xF0, 0xFF, 1, b"what?") + frame(0xF0, 0xFF, 0, b"") + request(1),
    "unknown flags": frame(PING, 0xF0, 0, bytes(8))
    + frame(HEADERS, END_HEADERS | 0xC0, 1, block())
    + frame(DATA, END_STREAM | 0xF0 & ~PADDED, 1, message()),
    "unknown settings": settings((0xFFFF, 7), (0xABCD, 1 << 31)) + request(1),
    "the reserved bit": frame(HEADERS, END_HEADERS, 0x8000_0001, block()) + frame(DATA, 1, 0x8000_0001, message()),
    "PRIORITY on an idle stream": frame(PRIORITY, stream=9, payload=bytes(4) + b"\x10") + request(1),
    "HEADERS with priority and padding": frame(
        HEADERS, END_HEADERS | WITH_PRIORITY | PADDED, 1, b"\x03" + bytes(4) + b"\x10" + block() + bytes(3)
    )
    + frame(DATA, END_STREAM | PADDED, 1, b"\x09" + message() + bytes(9)),
    "HEADERS in pieces": frame(HEADERS, 0, 1, block()[:9])
    + frame(CONTINUATION, 0, 1, block()[9:10])
    + frame(CONTINUATION, END_HEADERS, 1, block()[10:])
    + frame(DATA, END_STREAM, 1, message()),
    "DATA byte by byte": OPEN
    + b"".join(frame(DATA, 0, 1, message()[i : i + 1]) for i in range(len(message())))
    + frame(DATA, END_STREAM, 1),
    "trailers of the client": OPEN
    + frame(DATA, 0, 1, message())
    + frame(HEADERS, END_HEADERS | END_STREAM, 1, encoded(("x", "1"))),
    "a right content-length": frame(HEADERS, END_HEADERS, 1, block(content_length=str(len(message()))))
    + frame(DATA, END_STREAM, 1, message()),
    "te: trailers": request(1, head=block(te="trailers")),
    "no :authority, but host": request(1, head=block(("host", "test"), without=":authority")),
    "RST_STREAM of a stream that ended": request(1) + reset(1) + request(3),
    "frames of a stream that was reset": OPEN
    + reset(1)
    + frame(DATA, 0, 1, b"late")
    + window_update(1, 5)
    + request(3),
    "a new size of the header table": settings((1, 0)) + settings((1, 1 << 30)) + request(1),
    "a window made smaller while in use": settings((4, 0)) + request(1) + settings((4, 65_535)),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_the_standard_allows_works(plane, case):
    with Peer(plane.address) as peer:
        peer.send(ALLOWED[case])
        last = 3 if "stream that" in case else 1
        answer = peer.answer(last)
        assert (answer.status, answer.body) == ("0", message())
        assert peer.goaway is None


@pytest.mark.parametrize(
    "greeting",
    [
        b"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(508),  # a TLS ClientHello's first bytes
        bytes(range(256)) * 400,
        PREFACE[:-1] + b"X" + settings(),
    ],
    ids=["HTTP/1.1", "TLS", "garbage", "nearly the preface"],
)
def test_what_is_no_http2_is_told_so_at_once(plane, greeting):
    with honest_traffic(plane.address), Peer(plane.address, greeting) as peer:
        assert peer.until_closed() == PROTOCOL_ERROR
        assert peer.debug == b"not HTTP/2"


def test_pings_are_answered_with_what_they_carry(plane):
    with Peer(plane.address) as peer:
        peer.ping(b"\x01\x02\x03\x04\x05\x06\x07\x08")


def test_settings_are_acknowledged_and_ours_are_what_the_readme_says(plane):
    with Peer(plane.address) as peer:
        peer.until(lambda: peer.kinds.count(SETTINGS) == 2)  # ours, and the acknowledgement of the peer's
        assert peer.settings == {3: 1024, 4: 256 * 1024, 6: 16 * 1024, 9: 1}


def test_too_many_pings_on_an_idle_connection(plane):
    """gRFC A8: two strikes are forgiven, the third is not."""
    with honest_traffic(plane.address), Peer(plane.address) as peer:
        for _ in range(3):
            peer.ping()
        peer.send(frame(PING, payload=bytes(8)))
        assert (peer.until_closed(), peer.debug) == (ENHANCE_YOUR_CALM, b"too_many_pings")


def test_pings_with_data_between_are_welcome(plane):
    with Peer(plane.address) as peer:
        for stream in range(1, 41, 2):
            peer.ping()
            assert peer.call(stream).status == "0"
        assert peer.goaway is None


def test_an_idle_connection_is_pinged_and_lost_when_it_does_not_answer(backend):
    """gRFC A9."""
    with (
        data_plane(backend, limits={"keepalive_s": 0.2, "keepalive_timeout_s": 0.3}) as child,
        Peer(child.address) as dead,
        Peer(child.address) as alive,
    ):
        for _ in range(4):
            pings = alive.kinds.count(PING)
            alive.until(lambda pings=pings: alive.kinds.count(PING) > pings)
            alive.send(frame(PING, ACK, payload=bytes(8)))
        assert dead.until_closed() is None
        assert PING in dead.kinds
        assert alive.call(1).status == "0"


def test_a_malformed_or_refused_request_does_not_start_the_clock_for_slow_headers(backend):
    """Its header block is over although nothing hears of it; the connection must not be cut off later."""
    for first in (with_header("X-Upper", "1"), OPEN + frame(HEADERS, END_HEADERS, 3, block())):
        with data_plane(backend, limits={"headers_s": 0.3, "max_streams": 1}) as child, Peer(child.address) as peer:
            peer.send(first)
            peer.until(lambda peer=peer: any(answer.reset is not None for answer in peer.answers.values()))
            with pytest.raises(AssertionError, match="not in time"):
                peer.until(lambda: False, timeout_s=0.8)
            assert peer.goaway is None
            peer.send(reset(1) if 3 in peer.answers else b"")
            assert peer.call(5).body == message(REQUEST)


def test_a_closing_router_says_goaway_and_finishes_what_it_began(backend):
    with data_plane(backend) as child, Peer(child.address) as peer:
        peer.send(OPEN)
        peer.ping()
        child.drain()
        peer.until(lambda: peer.goaway is not None)
        assert (peer.goaway, peer.last_stream) == (NO_ERROR, (1 << 31) - 1)
        peer.send(frame(DATA, END_STREAM, 1, message()))
        assert peer.answer(1).status == "0"
        assert peer.until_closed(5) == NO_ERROR
        assert peer.last_stream == 1
