"""Reading a model's name from bytes, and which metadata travels on."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protos import inference_pb2 as pb
from router.headers import back, onward
from router.wire import first_string
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.load_reports import APPLICATION_KEY, STANDARD_KEY


@given(name=st.text(max_size=300), version=st.text(max_size=20), raw=st.lists(st.binary(max_size=50), max_size=3))
def test_it_reads_what_protobuf_wrote(name, version, raw):
    request = pb.ModelInferRequest(model_name=name, model_version=version, raw_input_contents=raw)
    message = request.SerializeToString()
    assert first_string(message, 1) == name
    assert first_string(message, 2) == version


def test_other_fields_are_skipped_whatever_their_kind():
    # field 2 varint 300, field 3 fixed64, field 4 fixed32, field 5 "zz", then field 1 "abc"
    message = bytes.fromhex("10ac02 19 0102030405060708 25 01020304 2a027a7a 0a03616263".replace(" ", ""))
    assert first_string(message, 1) == "abc"


def test_absent_is_empty():
    assert first_string(b"", 1) == ""
    assert first_string(pb.ModelInferRequest(id="x").SerializeToString(), 1) == ""


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"\x0a\x05ab", "cut off"),
        (b"\x0a", "broken number"),
        (b"\x0b", "wire type 3"),
        (b"\x0a\x02\xff\xfe", "not UTF-8"),
        (b"\x19\x01", "cut off"),
        (b"\xff" * 20, "broken number"),
    ],
)
def test_what_is_not_protobuf_is_refused(message, says):
    with pytest.raises(InvalidRequest, match=says):
        first_string(message, 1)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(message):
    with contextlib.suppress(InvalidRequest):
        assert isinstance(first_string(message, 1), str)


def test_request_metadata_travels_on_without_what_belongs_to_one_hop():
    sent = (
        ("traceparent", "00-1-2-01"),
        ("user-agent", "grpc-python/1"),
        ("grpc-previous-rpc-attempts", "1"),
        ("x-tenant-bin", b"\x00\xff"),
        ("tidegate-model", "digits"),
        ("te", "trailers"),
    )
    assert onward(sent) == (("traceparent", "00-1-2-01"), ("x-tenant-bin", b"\x00\xff"), ("tidegate-model", "digits"))


def test_response_metadata_comes_back_with_pushback_and_rich_status():
    kept = (
        ("grpc-retry-pushback-ms", "500"),
        ("grpc-status-details-bin", b"\x02"),
    )
    assert back((*kept, ("grpc-status", "0"), ("content-type", "application/grpc"))) == kept


def test_a_load_report_comes_back_under_both_of_its_names():
    assert back(((APPLICATION_KEY, b"\x01"),)) == ((APPLICATION_KEY, b"\x01"), (STANDARD_KEY, b"\x01"))
    both = ((STANDARD_KEY, b"\x01"), (APPLICATION_KEY, b"\x01"))
    assert back(both) == both
