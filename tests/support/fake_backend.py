# ruff: noqa: N802 - rpc methods keep the names of the wire
"""A backend that does what a test asks of it; `python -m tests.support.fake_backend` is one that can be killed.

What it does with an inference stands in the request's id:
`echo` answers · `hang` never does · `refuse CODE` refuses · `wait S` answers after S seconds. Each answer names the
backend (parameter `backend`), so that tests see who gave it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import grpc

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc, orca_pb2
from tidegate.shared.grpc_server import Health, listen, new_server
from tidegate.shared.load_reports import APPLICATION_KEY, STANDARD_KEY


class FakeBackend(inference_pb2_grpc.GRPCInferenceServiceServicer):
    """Serves `models`; keeps what it was sent."""

    def __init__(self, *models: str) -> None:
        self.models = list(models)
        self.address = ""
        self.requests: list[pb.ModelInferRequest] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.remaining_s: list[float | None] = []
        self.cancelled = 0
        self.says_not_ready = False
        self.fails = False
        self.server: grpc.aio.Server
        self.health: Health

    async def start(self, address: str = "127.0.0.1:0", *, serving: bool = True) -> "FakeBackend":
        self.server, self.health = new_server(())
        inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self.server)
        self.address = listen(self.server, address)
        await self.server.start()
        await self.health.set(serving=serving)
        return self

    async def stop(self) -> None:
        await self.server.stop(0)

    async def ModelInfer(self, request: pb.ModelInferRequest, context: grpc.aio.ServicerContext):
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        self.remaining_s.append(context.time_remaining())
        try:
            await self._act(request.id, context)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if "x-initial" in self.metadata[-1]:
            await context.send_initial_metadata((("x-initial-back", self.metadata[-1]["x-initial"]),))
        report = orca_pb2.OrcaLoadReport(
            request_cost={"rows": 3}, application_utilization=0.25, named_metrics={"capacity_rows_per_s": 40}
        )
        encoded = report.SerializeToString()
        context.set_trailing_metadata((("x-trailer", "kept"), (STANDARD_KEY, encoded), (APPLICATION_KEY, encoded)))
        return self._answer(request)

    async def ModelStreamInfer(self, requests: AsyncIterator[pb.ModelInferRequest], context: grpc.aio.ServicerContext):
        async for request in requests:
            self.requests.append(request)
            try:
                await self._act(request.id, context)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            yield pb.ModelStreamInferResponse(infer_response=self._answer(request))

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: grpc.aio.ServicerContext):
        return pb.ModelMetadataResponse(name=request.name, versions=["1"])

    async def ModelReady(self, request: pb.ModelReadyRequest, context: grpc.aio.ServicerContext):
        return pb.ModelReadyResponse(ready=request.name in self.models)

    async def ModelStatistics(self, request: pb.ModelStatisticsRequest, context: grpc.aio.ServicerContext):
        names = [request.name] if request.name else self.models
        return pb.ModelStatisticsResponse(
            model_stats=[pb.ModelStatistics(name=name, version="1", inference_count=5) for name in names]
        )

    async def RepositoryIndex(self, request: pb.RepositoryIndexRequest, context: grpc.aio.ServicerContext):
        return pb.RepositoryIndexResponse(
            models=[{"name": name, "version": "1", "state": "READY"} for name in self.models]
        )

    async def RepositoryModelLoad(self, request: pb.RepositoryModelLoadRequest, context: grpc.aio.ServicerContext):
        if request.model_name == "broken":
            await context.abort(grpc.StatusCode.INTERNAL, "broken: bad file")
        self.models.append(request.model_name)
        return pb.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(self, request: pb.RepositoryModelUnloadRequest, context: grpc.aio.ServicerContext):
        self.models.remove(request.model_name)
        return pb.RepositoryModelUnloadResponse()

    def _answer(self, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
        answer = pb.ModelInferResponse(
            model_name=request.model_name, id=request.id, raw_output_contents=request.raw_input_contents
        )
        answer.parameters["backend"].string_param = self.address
        return answer

    async def _act(self, what: str, context: grpc.aio.ServicerContext) -> None:
        if self.says_not_ready:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")
        if self.fails:
            await context.abort(grpc.StatusCode.INTERNAL, "broken")
        if what == "hang":
            await asyncio.sleep(3600)
        elif what.startswith("wait "):
            await asyncio.sleep(float(what.removeprefix("wait ")))
        elif what.startswith("refuse "):
            code = grpc.StatusCode[what.removeprefix("refuse ")]
            await context.abort(code, "as you wish", (("grpc-retry-pushback-ms", "250"),))


async def _main() -> None:
    backend = await FakeBackend(*sys.argv[2:]).start(sys.argv[1])
    await backend.server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_main())
