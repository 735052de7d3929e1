"""From our errors to gRPC statuses: one table, and the decorator that applies it to a servicer's methods."""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError

from tidegate.shared import errors

STATUS: dict[type[errors.TidegateError], grpc.StatusCode] = {
    errors.TidegateError: grpc.StatusCode.INTERNAL,
    errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.NotReady: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlinePassed: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.NotSupported: grpc.StatusCode.UNIMPLEMENTED,
    errors.NoData: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ModelFailed: grpc.StatusCode.INTERNAL,
}

# https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback
PUSHBACK_KEY = "grpc-retry-pushback-ms"

DETAILS_LIMIT_BYTES = 2000
"""Longest details that are sent, in UTF-8. On the wire they may grow threefold (percent-encoding), and a client drops
the whole answer, status and all, when its metadata passes 8 KiB."""

_log = structlog.get_logger(__name__)


def status_of(error: BaseException) -> grpc.StatusCode:
    """The status of the nearest class in the error's ancestry that the table names; INTERNAL for a stranger."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), grpc.StatusCode.INTERNAL)


_ERROR_OF: dict[grpc.StatusCode, type[errors.TidegateError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.UNAVAILABLE: errors.NotReady,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlinePassed,
    grpc.StatusCode.UNIMPLEMENTED: errors.NotSupported,
    grpc.StatusCode.FAILED_PRECONDITION: errors.NoData,
}


# How grpc's own UNAVAILABLE begins where nobody was reached, by which it differs from one that a service answers.
_NOBODY_REACHED = ("failed to connect to all addresses", "errors resolving", "DNS resolution failed")


def error_of(error: grpc.aio.AioRpcError, peer: str) -> errors.TidegateError:
    """Our error for what a call to `peer` came back with, so that a command ends in one sentence."""
    status, details = error.code(), error.details() or "no details"
    if status is grpc.StatusCode.UNAVAILABLE and details.startswith(_NOBODY_REACHED):
        return errors.ServiceUnreachable(f"nobody answers at {peer}: is it running?")
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return errors.Overloaded(f"{peer}: {details}", pushback_s=_pushback_s(dict(error.trailing_metadata() or ())))
    return _ERROR_OF.get(status, errors.TidegateError)(f"{peer}: {status.name}: {details}")


def _pushback_s(trailers: Mapping[str, str | bytes]) -> float:
    """What the peer asks for; a second when it asks for nothing, or for what is no time (A6: "don't retry")."""
    text = trailers.get(PUSHBACK_KEY, "")
    return int(text) / 1000 if isinstance(text, str) and text.isdecimal() else 1.0


def trailers_of(error: BaseException) -> tuple[tuple[str, str], ...]:
    """Trailing metadata that goes with the error: the pushback of an overload, in milliseconds."""
    if isinstance(error, errors.Overloaded):
        return ((PUSHBACK_KEY, str(max(1, round(error.pushback_s * 1000)))),)
    return ()


def details_of(text: str) -> str:
    """The text as a status' details: what a client sent may be quoted in it, and be as long as a message."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= DETAILS_LIMIT_BYTES:
        return text
    return f"{encoded[:DETAILS_LIMIT_BYTES].decode(errors='ignore')}… (cut off; {len(encoded)} bytes)"


async def abort(context: grpc.aio.ServicerContext, error: Exception) -> None:
    """End the rpc with the error's status. Raises always (grpc's own AbortError)."""
    status = status_of(error)
    if not isinstance(error, errors.TidegateError):
        _log.error("rpc failed unexpectedly", exc_info=error)
        await context.abort(status, details_of(f"internal error: {type(error).__name__}: {error}"))
    await context.abort(status, details_of(str(error)), (*context.trailing_metadata(), *trailers_of(error)))


class Decoding:
    """Stands in for a server while a service is added to it, so that bytes that are no message are INVALID_ARGUMENT.

    grpc answers them by UNKNOWN before any method of ours is called. Here the unary methods, which must be wrapped by
    `rpc`, get the error in place of their request. `add_XServicer_to_server(servicer, Decoding(server))`.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Nothing: they come again, method by method."""

    def add_registered_method_handlers(self, service: str, methods: Mapping[str, grpc.RpcMethodHandler]) -> None:
        """Add the service, each unary method with a decoder of ours."""
        ours = {name: _decoding(one) if one.unary_unary else one for name, one in methods.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, ours),))


def _decoding(method: grpc.RpcMethodHandler) -> grpc.RpcMethodHandler:
    def decode(encoded: bytes) -> Any:
        try:
            return method.request_deserializer(encoded)
        except DecodeError as error:
            return errors.InvalidRequest(f"the request's {len(encoded)} bytes are not its message: {error}")

    return grpc.unary_unary_rpc_method_handler(
        method.unary_unary, request_deserializer=decode, response_serializer=method.response_serializer
    )


F = TypeVar("F", bound=Callable[..., Any])


def rpc(method: F) -> F:
    """Make an async servicer method (unary or streaming out) answer our errors by their status."""
    if inspect.isasyncgenfunction(method):

        @functools.wraps(method)
        async def stream(self: object, request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            try:
                async for response in method(self, request, context):
                    yield response
            except grpc.aio.AbortError:
                raise
            except Exception as error:  # every failure must reach the caller as a status
                await abort(context, error)

        return stream  # type: ignore[return-value]

    @functools.wraps(method)
    async def unary(self: object, request: Any, context: grpc.aio.ServicerContext) -> Awaitable[Any] | None:
        try:
            if isinstance(request, errors.InvalidRequest):  # from `Decoding`
                raise request
            result: Awaitable[Any] | None = await method(self, request, context)
            return result
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # every failure must reach the caller as a status
            await abort(context, error)
            return None

    return unary  # type: ignore[return-value]
