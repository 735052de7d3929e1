"""Clients that send much for little: each is cut off at its limit (README.md, "Limits"), and others notice nothing."""

import pytest
from raw_http2 import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    REFUSED_STREAM,
    SETTINGS,
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
from support import MIB, data_plane, honest_traffic

OPEN = frame(HEADERS, END_HEADERS, 1, block())
ODD = range(1, 40_001, 2)


def resets(count: int) -> bytes:
    return b"".join(frame(HEADERS, END_HEADERS, stream, block()) + reset(stream) for stream in ODD[:count])


def errors(count: int) -> bytes:
    """Streams that the data plane must reset: their headers are malformed."""
    bad = encoded((":method", "POST"), ("Upper", "case"))
    return b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, bad) for stream in ODD[:count])


FLOODS = {
    "too_many_resets": resets(2000),
    "too_many_settings": settings((4, 65535)) * 2000,
    "too_many_pings": frame(PING, payload=b"12345678") * 2000,
    "too_many_pings, opaque": b"".join(frame(PING, payload=i.to_bytes(8, "big")) for i in range(2000)),
    "too_many_priorities": frame(PRIORITY, stream=1, payload=bytes(5)) * 10_000,
    "too_many_priorities, goaways": OPEN + frame(GOAWAY, payload=bytes(8)) * 10_000,
    "too_many_window_updates": window_update(0, 1) * 20_000,
    "too_many_window_updates, of a stream": OPEN + window_update(1, 1) * 20_000,
    "too_many_empty_data": OPEN + frame(DATA, stream=1) * 2000,
    "too_many_empty_data, only padding": OPEN + frame(DATA, PADDED, 1, b"\x01\x00") * 2000,
    "too_many_stream_errors": errors(2000),
    "Too many CONTINUATION frames following a HEADER frame": frame(HEADERS, 0, 1, block())
    + frame(CONTINUATION, stream=1) * 2000,
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_told_to_calm_down_and_others_go_on(plane, flood):
    with honest_traffic(plane.address), Peer(plane.address) as peer:
        peer.send(FLOODS[flood])
        assert peer.until_closed() == ENHANCE_YOUR_CALM
        assert peer.debug.decode() == flood.partition(",")[0]
    plane.until(lambda counts: counts["clients"] == 0)


def test_unknown_frames_are_read_over_and_cost_no_memory(plane):
    before = plane.rss_bytes()
    with honest_traffic(plane.address), Peer(plane.address) as peer:
        for kind in (0x10, 0xEE):  # PRIORITY_UPDATE of RFC 9218, and one that nobody defined
            peer.send(frame(kind, 0xFF, 7, bytes(100)) * 50_000)
        assert peer.call(1).status == "0"
    assert plane.rss_bytes() - before < 4 * MIB


def test_just_below_the_limits_nobody_is_cut_off(plane):
    with Peer(plane.address) as peer:
        peer.send(settings() * 90 + frame(PRIORITY, stream=1, payload=bytes(5)) * 1900 + window_update(0, 1) * 1900)
        peer.send(OPEN + frame(DATA, stream=1) * 190 + reset(1))
        for stream in ODD[2:402]:
            peer.send(frame(HEADERS, END_HEADERS, stream, block()) + reset(stream))
        assert peer.call(ODD[500]).status == "0"
        assert peer.goaway is None


@pytest.mark.parametrize(
    ("limit", "value", "flood"),
    [
        ("settings_per_s", 5, "too_many_settings"),
        ("pings_per_s", 1, "too_many_pings"),
        ("priorities_per_s", 50, "too_many_priorities"),
        ("window_updates_per_s", 50, "too_many_window_updates"),
        ("empty_data_per_s", 5, "too_many_empty_data"),
        ("fast_resets_per_s", 5, "too_many_resets"),
        ("errors_per_s", 5, "too_many_stream_errors"),
    ],
)
def test_each_limit_is_a_setting(backend, limit, value, flood):
    part = {"too_many_priorities": 60, "too_many_window_updates": 80}.get(flood, 12)
    pieces = {
        "too_many_settings": settings() * part,
        "too_many_pings": frame(PING, payload=b"12345678") * 3,
        "too_many_priorities": frame(PRIORITY, stream=1, payload=bytes(5)) * part,
        "too_many_window_updates": window_update(0, 1) * part,
        "too_many_empty_data": OPEN + frame(DATA, stream=1) * part,
        "too_many_resets": resets(part),
        "too_many_stream_errors": errors(part),
    }
    with data_plane(backend, limits={limit: value}) as child, Peer(child.address) as peer:
        peer.send(pieces[flood])
        assert peer.until_closed() == ENHANCE_YOUR_CALM
        assert peer.debug.decode() == flood


def test_streams_beyond_max_streams_are_refused_and_no_others(backend):
    with (
        data_plane(backend, limits={"max_streams": 10}) as child,
        honest_traffic(child.address),
        Peer(child.address) as peer,
    ):
        for stream in ODD[:12]:
            peer.send(frame(HEADERS, END_HEADERS, stream, block()))
        assert [peer.answer(stream).reset for stream in ODD[10:12]] == [REFUSED_STREAM] * 2
        assert set(peer.answers) == set(ODD[10:12])
        peer.send(reset(1))
        assert peer.call(ODD[12]).status == "0"
        peer.send(frame(DATA, END_STREAM, 3, message()))
        assert peer.answer(3).status == "0"


# A client that reads nothing could make the answers to what it sends pile up.
def refused_for_ever(first: int) -> bytes:
    return b"".join(frame(HEADERS, END_HEADERS, stream, block()) for stream in range(first, first + 4000, 2))


def asked(first: int) -> bytes:
    unknown = block(path="/" + 250 * "x")  # the refusal repeats it
    return b"".join(frame(HEADERS, END_HEADERS, stream, unknown) for stream in range(first, first + 2000, 2))


def asked_then_reset(first: int) -> bytes:
    earlier = b"".join(reset(stream) for stream in range(first - 4000, first - 2000, 2) if stream > 0)
    return earlier + asked(first)


@pytest.mark.parametrize("control", [frame(PING, payload=bytes(8)), settings()], ids=["PING", "SETTINGS"])
def test_answers_to_control_frames_that_nobody_reads_are_bounded(backend, control):
    loose = {"pings_per_s": 1 << 31, "settings_per_s": 1 << 31, "ping_strikes": 1 << 31}
    with data_plane(backend, limits=loose) as child:
        before = child.rss_bytes()
        with honest_traffic(child.address), Peer(child.address, receive_buffer_bytes=4096) as peer:
            while peer.send(control * 50_000, deaf=True):
                assert child.rss_bytes() - before < 32 * MIB
            assert peer.closed


@pytest.mark.parametrize("attack", [refused_for_ever, asked_then_reset], ids=["refused", "answered, then reset"])
def test_answers_that_nobody_reads_are_bounded(backend, attack):
    # The limits of rate are out of the way: what is left is that nothing is read.
    loose = {"fast_resets_per_s": 1 << 31, "errors_per_s": 1 << 31, "window_updates_per_s": 1 << 31}
    with data_plane(backend, limits=loose) as child:
        before = child.rss_bytes()
        with honest_traffic(child.address), Peer(child.address, receive_buffer_bytes=4096) as peer:
            for first in range(1, 1_000_000, 4000):
                if not peer.send(attack(first), deaf=True):
                    break
            # Refusals of streams that never were pile up until they are cut off; what a stream has to say ends with it.
            assert peer.closed is (attack is refused_for_ever)
            assert child.rss_bytes() - before < 32 * MIB
        child.until(lambda counts: counts["clients"] == 0)


def test_a_flood_of_honest_requests_is_no_abuse(plane):
    with Peer(plane.address, PREFACE_WITH_ROOM) as peer:
        for first in range(1, 4001, 400):
            peer.send(b"".join(request(stream) for stream in range(first, first + 400, 2)))
            for stream in range(first, first + 400, 2):
                assert peer.answer(stream).status == "0"
        assert peer.goaway is None
        assert CANCEL not in {answer.reset for answer in peer.answers.values()}
        assert SETTINGS in peer.kinds


PREFACE_WITH_ROOM = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings((4, 1 << 20)) + window_update(0, 1 << 24)
