"""gRPC over HTTP/2 as its PROTOCOL-HTTP2 page and compression.md have it, where a proxy takes part in it."""

import zlib

import pytest
from raw_http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    NO_ERROR,
    REQUEST,
    STREAM_INFER,
    Peer,
    block,
    frame,
    message,
    request,
)


@pytest.fixture
def peer(plane):
    with Peer(plane.address) as connected:
        yield connected


@pytest.mark.parametrize("given", ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"])
def test_content_types_of_grpc(peer, given):
    assert peer.call(1, head=block(content_type=given)).status == "0"


@pytest.mark.parametrize("given", ["application/json", "application/grpc-web", "application/grpcx", "text/html", ""])
def test_other_content_types_are_http_415(peer, given):
    assert peer.call(1, head=block(content_type=given)).headers == {":status": "415"}
    assert peer.call(3, head=block(without="content-type")).headers == {":status": "415"}


def test_other_methods_are_http_405(peer):
    assert peer.call(1, head=block().replace(b"\x04POST", b"\x03GET")).headers == {":status": "405"}


@pytest.mark.parametrize("given", ["", "1", "S", "1x", "-1S", "1.5S", "123456789S", "1 S", "١S"])
def test_a_malformed_timeout_is_refused(peer, given):
    answer = peer.call(1, head=block(("grpc-timeout", given)))
    assert (answer.status, "grpc-timeout" in answer.words) == ("13", True)


@pytest.mark.parametrize("given", ["99999999H", "1M", "20S", "20000m", "20000000u", "99999999n", "00000020S"])
def test_every_unit_of_a_timeout_is_understood(peer, given):
    may_pass = ("4",) if given.endswith("n") else ()  # 100 ms may be too short on a busy machine
    assert peer.call(1, head=block(("grpc-timeout", given))).status in ("0", *may_pass)


def test_a_deadline_that_has_passed(peer):
    assert peer.call(1, head=block(("grpc-timeout", "0n"))).status == "4"


def test_unknown_methods_go_by_the_metadata_or_are_unimplemented(peer):
    unknown = peer.call(1, head=block(path="/some.Service/Method"))
    assert (unknown.status, "tidegate-model" in unknown.words) == ("12", True)
    known, nobody = (block(("tidegate-model", name), path="/some.Service/Method") for name in ("m", "nobody"))
    assert peer.call(3, message(b"any bytes"), head=known).body == message(b"any bytes")
    assert peer.call(5, message(b"any bytes"), head=nobody).status == "5"
    refused = peer.call(7, head=block(("tidegate-model", "m"), path="/inference.GRPCInferenceService/Refused"))
    assert (refused.status, refused.words) == ("12", "Tidegate does not offer /inference.GRPCInferenceService/Refused")


def test_a_compressed_message(peer):
    body = message(zlib.compress(REQUEST), flag=1)
    assert peer.call(1, body, head=block(grpc_encoding="deflate", grpc_accept_encoding="deflate")).status == "0"


@pytest.mark.parametrize(
    ("encoding", "payload", "status", "words"),
    [
        ("", REQUEST, "13", "no grpc-encoding"),
        ("identity", REQUEST, "13", "no grpc-encoding"),
        ("snappy", REQUEST, "12", "gzip and deflate"),
        ("gzip", REQUEST, "3", "not protobuf"),
        ("gzip", zlib.compress(REQUEST), "3", "not protobuf"),
    ],
    ids=["no encoding", "identity", "unknown", "not gzip", "another encoding"],
)
def test_a_compressed_message_that_cannot_be_read(peer, encoding, payload, status, words):
    head = block(("grpc-encoding", encoding)) if encoding else block()
    answer = peer.call(1, message(payload, flag=1), head=head)
    assert (answer.status, words in answer.words) == (status, True)


def test_a_compression_bomb_is_inflated_no_further_than_a_name_may_stand(plane, peer):
    before = plane.rss_bytes()
    bomb = zlib.compress(b"\x3a\x80\x80\x80\x80\x01" + bytes(12 << 20))  # 12 KB, and 12 MiB once inflated
    answer = peer.call(1, message(bomb, flag=1), head=block(grpc_encoding="deflate"))
    assert (answer.status, "first bytes" in answer.words) == ("3", True)
    assert plane.rss_bytes() - before < 4 << 20


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b"", ("3",)),
        (b"\0\0\0", ("3",)),
        (message(length=100), ("12", "13")),  # the backend's answer to a message that never ends
        (message(length=1), ("3",)),
        (b"\x02" + message()[1:], ("3",)),
        (message(b"\x0a\x02\xff\xfe"), ("3",)),
        (message(b"\x0b"), ("3",)),
        (message(b""), ("3",)),
        (message(b"\x0a\x00"), ("3",)),
        (message(b"\x0a\x80\x10" + 2048 * b"m"), ("3",)),
    ],
    ids=[
        "none",
        "half a prefix",
        "too short",
        "too long",
        "flag 2",
        "no UTF-8",
        "no protobuf",
        "empty",
        "no name",
        "long name",
    ],
)
def test_messages_that_lie_are_refused(peer, body, statuses):
    answer = peer.call(1, body)
    assert answer.status in statuses
    assert peer.call(3).status == "0"


def test_binary_metadata_and_percent_encoded_words_pass_unchanged(peer):
    """The backend's words are `nö: 100 %` and a line break; its -bin trailer is what it was sent."""
    words = REQUEST + b"\x1a\x05words"
    answer = peer.call(1, message(words), head=block(("sent-bin", "AP+AEA"), ("x", "a,b"), ("x", "c")))
    assert (answer.status, answer.words) == ("5", "n%C3%B6: 100 %25%0A")
    assert peer.call(3, head=block(("sent-bin", "AP+AEA"))).trailers["seen-bin"].rstrip("=") == "AP+AEA"


def test_refusals_are_trailers_only_and_percent_encoded(peer):
    answer = peer.call(1, head=block(path="/a/100%"))
    assert (answer.status, answer.trailers, answer.body) == ("12", {}, b"")
    assert "/a/100%25;" in answer.words


def test_an_answer_before_the_end_of_the_request_asks_the_client_to_stop(peer):
    """RFC 9113 §8.1: RST_STREAM with NO_ERROR after the whole answer."""
    peer.send(frame(HEADERS, END_HEADERS, 1, block(path="/no/Such")))
    assert peer.answer(1).status == "12"
    peer.until(lambda: peer.answers[1].reset is not None)
    assert peer.answers[1].reset == NO_ERROR


def test_a_stream_without_a_message_is_over_at_once(peer):
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block(path=STREAM_INFER)))
    assert peer.answer(1).status == "0"


def test_a_stream_message_by_message(peer):
    peer.send(frame(HEADERS, END_HEADERS, 1, block(path=STREAM_INFER)))
    for count in range(1, 4):
        peer.send(frame(DATA, 0, 1, message()))
        peer.until(lambda count=count: 1 in peer.answers and peer.answers[1].body == count * message())
    peer.send(frame(DATA, END_STREAM, 1))
    assert peer.answer(1).status == "0"


def test_headers_that_may_occur_once_are_not_passed_on_twice(peer):
    twice = block(("user-agent", "a"), ("user-agent", "b"), ("grpc-timeout", "9S"), ("grpc-timeout", "8S"))
    assert peer.call(1, head=twice).status == "0"
    peer.send(request(3, head=block(("tidegate-model", "\xff"))))
    assert peer.answer(3).status == "0"  # the message names the model; the metadata isn't needed


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("sent-bin", "!", "AP+AEA"),
        ("grpc-tags-bin", "!", "AAAA"),
        ("grpc-trace-bin", "!", "AP+AEA"),
        ("grpc-previous-rpc-attempts", "x", "1"),
        ("grpc-retry-pushback-ms", "x", "1"),
        ("grpc-accept-encoding", "?", "gzip"),
        ("grpc-encoding", "?", "identity"),
        ("grpc-encoding", "none", "identity"),
        ("grpc-timeout", "?", "20S"),
        ("grpc-timeout", "", "20S"),
        ("user-agent", "?", "test"),
    ],
)
def test_one_client_cannot_spoil_a_header_for_the_others(plane, name, bad, good):
    """Clients share the connections to the backends, and with them HPACK's table.

    gRPC's C core keeps with a name in it that a value could not be parsed, and fails all that come after by that name.
    """
    with Peer(plane.address) as evil, Peer(plane.address) as honest:
        evil.call(1, head=block((name, bad)))
        for stream in (1, 3, 5):
            assert honest.call(stream, head=block((name, good))).status == "0"
