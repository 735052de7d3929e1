"""From a request message to its response: what unary and streaming calls share."""

import time
from dataclasses import dataclass

from model_server.models import Models
from model_server.servable import Servable
from model_server.wire import check_rows_agree, decode_inputs, encode_response, wanted_outputs
from protos import inference_pb2 as pb


@dataclass(slots=True)
class Call:
    """One request on its way; its fields fill as far as it gets, and stay for the load report."""

    request: pb.ModelInferRequest
    servable: Servable | None = None
    rows: int = 0


class Inference:
    """Answers requests and keeps the figures of each model."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self.outstanding = 0
        """Requests in the server now."""

    async def answer(self, call: Call, remaining_s: float | None) -> pb.ModelInferResponse:
        """The response to `call.request`, which must be here within `remaining_s` (None: any time).

        Raises ModelNotFound, ModelNotReady, InvalidRequest, NotSupported, QueueFull, DeadlinePassed, ModelFailed.
        """
        request = call.request
        servable = call.servable = self._models.find(request.model_name, request.model_version)
        statistics = servable.statistics
        started_s, succeeded = time.monotonic(), False
        statistics.outstanding += 1
        self.outstanding += 1
        try:
            inputs, shapes, raw = decode_inputs(request, servable.signature)
            wanted = wanted_outputs(request, servable.signature)
            call.rows = 1
            if not servable.unbatched_reason:
                check_rows_agree(servable.signature, shapes)
                call.rows = shapes[0][0]
            outputs = await servable.infer(inputs, shapes, call.rows, remaining_s)
            response = encode_response(request, servable.version, outputs, wanted, raw=raw)
            succeeded = True
            return response
        finally:
            self.outstanding -= 1
            statistics.outstanding -= 1
            statistics.request_done(time.monotonic() - started_s, succeeded=succeeded)
