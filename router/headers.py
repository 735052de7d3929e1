"""Which metadata goes on to the next hop. PURE."""

from collections.abc import Iterable

from tidegate.shared.load_reports import APPLICATION_KEY, STANDARD_KEY

Metadata = tuple[tuple[str, str | bytes], ...]

MODEL_KEY = "tidegate-model"
PREVIOUS_ATTEMPTS_KEY = "grpc-previous-rpc-attempts"

# What belongs to one connection, not to the request (RFC 9110 §7.6.1; gRPC over HTTP/2, "Requests"). gRPC sets these
# itself on every hop; `grpc-timeout` goes on as the remaining deadline of the call.
_OF_ONE_HOP = frozenset({"user-agent", "te", "content-type", "accept-encoding", "connection", "host"})

_OF_THE_STATUS = frozenset({"grpc-status", "grpc-message", "grpc-encoding", "grpc-accept-encoding"})


def onward(metadata: Iterable[tuple[str, str | bytes]]) -> Metadata:
    """A request's metadata, for the backend."""
    return tuple((key, value) for key, value in metadata if key not in _OF_ONE_HOP and not key.startswith("grpc-"))


def back(metadata: Iterable[tuple[str, str | bytes]]) -> Metadata:
    """A response's initial or trailing metadata, for the client: pushback and rich status details are its own.

    A load report goes back under its standard name as well, which gRPC's core took from us on the way here.
    """
    kept = tuple((key, value) for key, value in metadata if key not in _OF_ONE_HOP and key not in _OF_THE_STATUS)
    reports = tuple((STANDARD_KEY, value) for key, value in kept if key == APPLICATION_KEY)
    return kept + reports if STANDARD_KEY not in dict(kept) else kept
