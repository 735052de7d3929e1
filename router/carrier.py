"""Carries unary requests as bytes: it reads the model's name and nothing else, and passes everything through."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import time
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError

from protos import orca_pb2
from router import headers
from router.channels import Channels
from router.core import Core
from router.metrics import RequestTimes
from router.placement import Placement
from router.settings import RouterSettings
from router.tallies import Outcome
from router.waiting import Hold
from router.wire import first_string
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.grpc_errors import rpc
from tidegate.shared.load_reports import APPLICATION_KEY, STANDARD_KEY

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Road:
    """What every carrier of the data port works with."""

    core: Core
    channels: Channels
    hold: Hold
    settings: RouterSettings
    times: RequestTimes

    def place(self, model: str, size_bytes: int, context: grpc.aio.ServicerContext) -> Placement:
        """Begin to look for a replica."""
        return Placement(self.core, self.hold, self.settings, model, size_bytes, context.time_remaining())

    def arrived(self, model: str, metadata: Mapping[str, str | bytes]) -> None:
        """Count an inference as offered load, unless it says that it is a client's retry of one that was counted."""
        if headers.PREVIOUS_ATTEMPTS_KEY not in metadata:
            label = self.core.names.label(model)
            self.core.tallies.arrived[label] += 1
            self.core.demand.arrive(label, time())

    def ended(self, placement: Placement) -> None:
        """Count how an inference ended, and how long it took."""
        self.core.tallies.ended(placement.label, placement.ended())
        self.times.observe(placement.label, placement.seconds)

    def read_report(self, backend: str, label: str, trailing: Iterable[tuple[str, str | bytes]]) -> None:
        """Take in the load report among the trailing metadata, if there is one."""
        for key, value in trailing:
            if key in (APPLICATION_KEY, STANDARD_KEY) and isinstance(value, bytes):
                try:
                    report = orca_pb2.OrcaLoadReport.FromString(value)
                except DecodeError:
                    _log.warning("load report can't be read", backend=backend)
                    return
                self.core.reports.observe(
                    backend,
                    label,
                    rows=report.request_cost.get("rows"),
                    utilization=report.application_utilization,
                    capacity_rows_per_s=report.named_metrics.get("capacity_rows_per_s"),
                )
                return  # the same report may stand there under both names


def model_of(message: bytes, metadata: Mapping[str, str | bytes]) -> str:
    """The model that a request is for: its field 1, else the metadata `tidegate-model`. Raises InvalidRequest."""
    model = first_string(message, 1) or metadata.get(headers.MODEL_KEY, "")
    if not model or isinstance(model, bytes):
        raise InvalidRequest("the request names no model")
    return model


async def relay(context: grpc.aio.ServicerContext, error: grpc.aio.AioRpcError) -> None:
    """End the rpc as the backend did: status, details and metadata. Raises always (grpc's own AbortError)."""
    await send_initial(context, error.initial_metadata())
    await context.abort(error.code(), error.details() or "", headers.back(error.trailing_metadata()))


async def send_initial(context: grpc.aio.ServicerContext, metadata: Iterable[tuple[str, str | bytes]]) -> None:
    """Pass the backend's initial metadata on, where it sent any."""
    initial = headers.back(metadata)
    if initial:
        await context.send_initial_metadata(initial)


class UnaryCarrier:
    """Carries one unary method. `is_inference`: its requests are offered load."""

    def __init__(self, road: Road, method: str, *, is_inference: bool) -> None:
        self._road = road
        self._method = method
        self._is_inference = is_inference

    @rpc
    async def carry(self, request: bytes, context: grpc.aio.ServicerContext) -> Any:
        """One request to one replica, and its answer back."""
        metadata = context.invocation_metadata()
        known = dict(metadata)
        model = model_of(request, known)
        if self._is_inference:
            self._road.arrived(model, known)
        placement = self._road.place(model, len(request), context)
        try:
            return await self._until_answered(request, headers.onward(metadata), placement, context)
        except grpc.aio.AioRpcError as error:
            await relay(context, error)

    async def _until_answered(
        self, request: bytes, onward: headers.Metadata, placement: Placement, context: grpc.aio.ServicerContext
    ) -> bytes:
        """The answer of the first replica that gives one. How it ended is counted before the client can know it."""
        try:
            while True:
                response = await self._attempt(request, onward, placement, context)
                if response is not None:
                    return response
        finally:
            if self._is_inference:
                self._road.ended(placement)

    async def _attempt(
        self, request: bytes, onward: headers.Metadata, placement: Placement, context: grpc.aio.ServicerContext
    ) -> bytes | None:
        """The answer of the next replica; None when it could not take the request and another may."""
        with await placement.next() as lease:
            call = self._road.channels.unary(lease.backend, self._method)(
                request, timeout=context.time_remaining(), metadata=onward
            )
            try:
                response: bytes = await call
            except grpc.aio.AioRpcError as error:
                self._road.read_report(lease.backend, lease.model, error.trailing_metadata())
                placement.failed(lease.backend, error)
                return None
        await send_initial(context, await call.initial_metadata())
        trailing = await call.trailing_metadata()
        self._road.read_report(lease.backend, lease.model, trailing)
        context.set_trailing_metadata(headers.back(trailing))
        placement.outcome = Outcome.SUCCEEDED
        self._road.core.tallies.answered(lease.backend, placement.outcome)
        return response
