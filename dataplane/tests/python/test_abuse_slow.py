"""Clients that take their time, or want more room than anybody needs: each waits in bounded memory, not for ever."""

import contextlib
import resource
import socket
import time

import pytest
from raw_http2 import (
    ACK,
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    HEADERS,
    INFER,
    NO_ERROR,
    PREFACE,
    REQUEST,
    SETTINGS,
    SETTINGS_TIMEOUT,
    STREAM_INFER,
    Peer,
    block,
    encoded,
    frame,
    integer,
    message,
    request,
    reset,
    settings,
    window_update,
)
from support import MIB, data_plane, honest_traffic

OPEN = frame(HEADERS, END_HEADERS, 1, block())
LARGE = b"\x0a\x01m\x1a\x05large"  # the honest backend answers it by 8 MiB

SLOW = {
    "nothing at all": (b"", SETTINGS_TIMEOUT),
    "half a preface": (PREFACE[:10], SETTINGS_TIMEOUT),
    "a preface without SETTINGS": (PREFACE, SETTINGS_TIMEOUT),
    "half of SETTINGS": (PREFACE + settings((4, 1))[:12], SETTINGS_TIMEOUT),
    "half a header block": (PREFACE + settings() + frame(HEADERS, 0, 1, block()), ENHANCE_YOUR_CALM),
    "half a HEADERS frame": (PREFACE + settings() + OPEN[:30], ENHANCE_YOUR_CALM),
    "half a CONTINUATION": (
        PREFACE + settings() + frame(HEADERS, 0, 1, block()) + frame(CONTINUATION, 4, 1, b"x", length=9),
        ENHANCE_YOUR_CALM,
    ),
    "no request": (PREFACE + settings(), NO_ERROR),
    "half a frame header": (PREFACE + settings() + b"\0\0\x08\x06", NO_ERROR),
}


@pytest.fixture(scope="module")
def hasty(backend):
    limits = {"handshake_s": 0.4, "headers_s": 0.4, "idle_s": 0.6, "write_stall_s": 0.5}
    with data_plane(backend, limits=limits, times={"first_message_s": 0.5, "stall_s": 0.5}) as child:
        yield child


@pytest.mark.parametrize("case", SLOW)
def test_who_is_too_slow_is_cut_off(hasty, case):
    greeting, code = SLOW[case]
    with honest_traffic(hasty.address), Peer(hasty.address, greeting) as peer:
        assert peer.until_closed() == code


def test_a_header_block_byte_by_byte_has_no_more_time_than_one_that_stops(hasty):
    with Peer(hasty.address) as peer, honest_traffic(hasty.address):
        for byte in frame(HEADERS, END_HEADERS, 1, block(("x-slow", 200 * "s"))):
            if not peer.send(bytes([byte])) or peer.goaway is not None:
                break
            time.sleep(0.02)
        assert peer.until_closed() == ENHANCE_YOUR_CALM
        assert peer.debug == b"headers too slow"


@pytest.mark.parametrize(
    "part", [b"", message()[:3], message(length=100)[:6]], ids=["none", "half a prefix", "no model"]
)
def test_a_request_that_never_gets_to_its_model_is_ended(hasty, part):
    with honest_traffic(hasty.address), Peer(hasty.address) as peer:
        peer.send(OPEN + (frame(DATA, 0, 1, part) if part else b""))
        assert peer.answer(1).status == "4"
        assert "first_message_s" in peer.answers[1].words


def test_a_request_that_is_never_finished_ends_with_its_deadline_or_its_connection(hasty):
    with Peer(hasty.address) as peer:
        peer.send(frame(HEADERS, END_HEADERS, 1, block(grpc_timeout="300m")) + frame(DATA, 0, 1, message(length=99)))
        peer.send(frame(HEADERS, END_HEADERS, 3, block()) + frame(DATA, 0, 3, message(length=99)))
        assert peer.answer(1).status == "4"
        hasty.until(lambda counts: counts["outstanding"] == 1)
    hasty.until(lambda counts: counts["outstanding"] == 0 and counts["bytes_in_flight"] == 0)


def test_half_closed_streams_are_bounded_by_max_streams_and_die_with_their_connection(backend):
    """1 024 streams that the client has ended and whose answers it does not take."""
    with data_plane(backend) as child, honest_traffic(child.address):
        with Peer(child.address, PREFACE + settings((4, 0))) as peer:
            for stream in range(1, 2049, 2):
                peer.send(request(stream))
            child.until(lambda counts: counts["requests"] >= 1024)
            assert all(answer.reset is None for answer in peer.answers.values())
            assert child.rss_bytes() < 128 * MIB
        child.until(lambda counts: counts["clients"] == 1 and counts["outstanding"] <= 1)


@pytest.mark.parametrize("talking", [False, True], ids=["silent", "sending on"])
def test_an_answer_that_the_client_does_not_take_is_bounded_and_cut_off(hasty, talking):
    """A window of 0 for an answer of 8 MiB: 256 KiB of it wait here, for stall_s."""
    before = hasty.rss_bytes()
    with honest_traffic(hasty.address), Peer(hasty.address, PREFACE + settings((4, 0))) as peer:
        head = block(path=STREAM_INFER if talking else INFER)
        peer.send(frame(HEADERS, END_HEADERS, 1, head) + frame(DATA, 0 if talking else END_STREAM, 1, message(LARGE)))
        for turn in range(100):
            if 1 in peer.answers and peer.answers[1].over:
                break
            if talking:
                peer.send(frame(DATA, 0, 1, message()))
            peer.ping()
            peer.send(request(3 + 2 * turn))  # or the pings would be too many
            time.sleep(0.05)
        assert peer.answers[1].reset == CANCEL
        assert peer.answers[1].body == b""
    assert hasty.rss_bytes() - before < 8 * MIB


def test_an_answer_taken_slowly_is_not_cut_off(hasty):
    with Peer(hasty.address, PREFACE + settings((4, 0))) as peer:
        echoed = message(REQUEST + b"\x3a\xb8\x17" + 3000 * b"x")
        peer.send(frame(HEADERS, END_HEADERS, 1, block()) + frame(DATA, END_STREAM, 1, echoed))
        size = len(echoed)
        for at in range(0, size, 500):
            peer.until(lambda at=at: 1 in peer.answers and len(peer.answers[1].body) == min(at, size))
            time.sleep(0.2)
            peer.send(window_update(1, 500))
        assert peer.answer(1).status == "0"
        assert peer.answers[1].body == echoed


def test_a_client_that_reads_nothing_from_its_socket_is_lost(hasty):
    """Windows wide open, a full socket: 60 answers of 8 MiB are asked for, and none is read."""
    before = hasty.rss_bytes()
    with (
        honest_traffic(hasty.address),
        Peer(hasty.address, PREFACE + settings((4, (1 << 31) - 1)), receive_buffer_bytes=4096) as peer,
    ):
        peer.send(window_update(0, (1 << 31) - 65_536))
        for stream in range(1, 121, 2):
            peer.send(request(stream, message(LARGE)), deaf=True)
        hasty.until(lambda counts: counts["clients"] == 2)
        hasty.until(lambda counts: counts["clients"] == 1 and counts["outstanding"] <= 1)
    assert hasty.rss_bytes() - before < 64 * MIB  # 60 windows of 256 KiB, twice


def test_a_stream_without_a_byte_either_way_is_ended(backend):
    with data_plane(backend, times={"stream_idle_s": 0.4}) as child, Peer(child.address) as peer:
        peer.send(frame(HEADERS, END_HEADERS, 1, block(path=STREAM_INFER)) + frame(DATA, 0, 1, message()))
        assert peer.answer(1).status == "14"
        assert "stream_idle_s" in peer.answers[1].words
        assert peer.call(3).status == "0"


def test_a_connection_whose_requests_wait_gets_no_more_credit_than_its_share():
    """Requests of 64 KB wait for a replica; each stream would take 256 KiB, the connection 160 KB in all."""
    limits = {"connection_window_bytes": 80_000, "connection_buffer_bytes": 80_000}
    part = frame(DATA, 0, 1, bytes(16_000))
    with data_plane(models=["m"], limits=limits) as child, Peer(child.address) as peer:
        peer.until(lambda: SETTINGS in peer.kinds and peer.credit >= 80_000)
        sent = 0
        for stream in range(1, 13, 2):
            head = frame(HEADERS, END_HEADERS, stream, block())
            first = frame(DATA, 0, stream, message(length=1 << 20))
            peer.send(head + first)
            peer.credit -= len(message())
            for _ in range(4):
                with contextlib.suppress(AssertionError):  # it may come, or not
                    peer.until(lambda: peer.credit >= 16_000, timeout_s=0.2)
                if peer.credit < 16_000:
                    break
                peer.send(part[:5] + stream.to_bytes(4, "big") + part[9:])
                peer.credit -= 16_000
                sent += 16_000
                child.until(lambda counts, sent=sent: counts["bytes_in_flight"] >= sent)
        assert 80_000 < sent <= 160_000
        assert peer.credit < 16_000
        for stream in range(1, 13, 2):
            peer.send(reset(stream))
        peer.until(lambda: peer.credit > 60_000)


HUGE = {
    "one huge header": [("x-huge", 20_000 * "h")],
    "many small ones": [(f"x-{i}", "") for i in range(500)],
    "just too many bytes by the 32 of each": [(f"x-{i}", "1") for i in range(450)],
}


@pytest.mark.parametrize("case", HUGE)
def test_headers_over_the_limit_reset_their_stream_only(plane, case):
    whole = block(*HUGE[case])
    pieces = [whole[at : at + 16_384] for at in range(0, len(whole), 16_384)]
    with honest_traffic(plane.address), Peer(plane.address) as peer:
        peer.send(frame(HEADERS, END_HEADERS if len(pieces) == 1 else 0, 1, pieces[0]))
        for i, piece in enumerate(pieces[1:], start=2):
            peer.send(frame(CONTINUATION, END_HEADERS if i == len(pieces) else 0, 1, piece))
        assert peer.answer(1).reset == ENHANCE_YOUR_CALM
        assert peer.call(3).status == "0"


def test_headers_just_below_the_limit_pass(plane):
    with Peer(plane.address) as peer:
        assert peer.call(1, head=block(("x-large", 7_000 * "h")) + encoded(("x-more", 7_000 * "m"))).status == "0"


def test_a_header_bomb_costs_no_memory(plane):
    """One 4 000-byte header in the table, referred to 140 000 times by one byte each: 560 MB if they were kept."""
    put = b"\x40\x01x" + integer(4000, 7) + 4000 * b"v"  # RFC 7541 §6.2.1: goes into the table, as number 62 (0xbe)
    before = plane.rss_bytes()
    with honest_traffic(plane.address), Peer(plane.address) as peer:
        peer.send(frame(HEADERS, 0, 1, block() + put + 12_000 * b"\xbe"))
        for i in range(1, 9):
            peer.send(frame(CONTINUATION, END_HEADERS if i == 8 else 0, 1, 16_000 * b"\xbe"))
        assert peer.answer(1).reset == ENHANCE_YOUR_CALM
        assert peer.call(3).status == "0"
    assert plane.rss_bytes() - before < 4 * MIB


def test_clients_cannot_take_the_descriptors_that_backends_need(backend):
    """256 files may be open, 64 of them not by clients. The first request comes when the others are taken."""
    with data_plane(backend, open_files=256) as child, contextlib.ExitStack() as stack:
        with Peer(child.address) as early:
            many = [stack.enter_context(Peer(child.address, b"")) for _ in range(300)]
            turned_away = [one for one in many if one.ended(0.01)]
            assert 300 - 192 < len(turned_away) < 200
            assert early.call(1).status == "0"
        for one in many:
            one.socket.close()
        child.until(lambda counts: counts["clients"] == 0)
        with Peer(child.address) as late:
            assert late.call(1).status == "0"


def test_ten_thousand_idle_connections(backend, record_property):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10_000
    if hard != resource.RLIM_INFINITY and hard < wanted + 2000:
        pytest.skip(f"the hard limit of open files is {hard}; {wanted + 2000} are needed: ulimit -Hn {wanted + 2000}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 2000), hard))
    idle: list[socket.socket] = []
    try:
        with data_plane(backend) as child:
            with honest_traffic(child.address):
                before = child.rss_bytes()
                host, _, port = child.address.rpartition(":")
                for _ in range(wanted):
                    idle.append(socket.create_connection((host, int(port))))
                    idle[-1].sendall(PREFACE + settings() + frame(SETTINGS, ACK))
                child.until(lambda counts: counts["clients"] == wanted + 1, timeout_s=60)
                cost = (child.rss_bytes() - before) / wanted
                record_property("bytes_per_idle_connection", round(cost))
                assert cost < 24 * 1024
            for one in idle:
                one.close()
            child.until(lambda counts: counts["clients"] == 0, timeout_s=60)
    finally:
        for one in idle:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
