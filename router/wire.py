"""Reads one string from a protobuf message without decoding the rest. PURE.

A request may carry 60 MB of tensors; its model's name is in the first bytes. Encoding:
https://protobuf.dev/programming-guides/encoding/
"""

from tidegate.shared.errors import InvalidRequest

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def first_string(message: bytes, field: int) -> str:
    """The first value of a top-level string field; "" when it is absent. Raises InvalidRequest.

    Example: 0a 03 61 62 63 is field 1 (0a = 1 << 3 | 2), 3 bytes long, "abc".
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _LENGTH:
            length, at = _varint(message, at)
            if at + length > end:
                raise InvalidRequest(
                    f"request message is cut off: field {tag >> 3} has {length} bytes, {end - at} left"
                )
            if tag >> 3 == field:
                return _text(message[at : at + length], field)
            at += length
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        else:
            raise InvalidRequest(f"request message is not protobuf: wire type {kind} at byte {at - 1}")
    if at > end:
        raise InvalidRequest("request message is cut off")
    return ""


def _text(raw: bytes, field: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"string field {field} of the request is not UTF-8: {error.reason}") from None


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, seven bits a byte, lowest first, and where the next thing begins."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise InvalidRequest(f"request message is not protobuf: broken number at byte {at}")
