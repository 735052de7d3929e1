"""Which metadata goes on to the next hop. PURE."""

from collections.abc import Iterable

Metadata = tuple[tuple[str, str | bytes], ...]

MODEL_KEY = "tidegate-model"
PREVIOUS_ATTEMPTS_KEY = "grpc-previous-rpc-attempts"
LOAD_REPORT_KEY = "endpoint-load-metrics-bin"

# What belongs to one connection, not to the request (RFC 9110 §7.6.1; gRPC over HTTP/2, "Requests"). gRPC sets these
# itself on every hop; `grpc-timeout` goes on as the remaining deadline of the call.
_OF_ONE_HOP = frozenset({"user-agent", "te", "content-type", "accept-encoding", "connection", "host"})


def onward(metadata: Iterable[tuple[str, str | bytes]]) -> Metadata:
    """A request's metadata, for the backend."""
    return tuple((key, value) for key, value in metadata if key not in _OF_ONE_HOP and not key.startswith("grpc-"))


def back(metadata: Iterable[tuple[str, str | bytes]]) -> Metadata:
    """A response's initial or trailing metadata, for the client: pushback and rich status details are its own."""
    return tuple(
        (key, value)
        for key, value in metadata
        if key not in _OF_ONE_HOP
        and key not in ("grpc-status", "grpc-message", "grpc-encoding", "grpc-accept-encoding")
    )
