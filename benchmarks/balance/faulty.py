"""A model server that can lose its device for a while: `python -m benchmarks.balance.faulty FAULT_FILE ARGUMENTS…`.

It is `tidegate ARGUMENTS` as it stands, with one fault put in by a gRPC interceptor: while FAULT_FILE exists, every
ModelInfer is answered UNAVAILABLE at once, and FAULT_FILE.refused grows by a byte for each, which counts them.
Everything else goes on, health checks included: a fault that only those who look at the answers can see.
"""

import functools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc

from tidegate.cli import main

REFUSED = ".refused"
INFER = "/inference.GRPCInferenceService/ModelInfer"


class LosesItsDevice(grpc.aio.ServerInterceptor):
    """Refuses inferences while the file exists."""

    def __init__(self, fault: Path) -> None:
        self._fault = fault
        self._refused = fault.with_suffix(REFUSED)
        self._refuse = grpc.unary_unary_rpc_method_handler(self._answer)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        if handler_call_details.method == INFER and self._fault.exists():
            return self._refuse
        return await continuation(handler_call_details)

    async def _answer(self, _request: bytes, context: grpc.aio.ServicerContext) -> None:
        with self._refused.open("ab") as file:
            file.write(b".")
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the device was lost")


if __name__ == "__main__":
    interceptor = LosesItsDevice(Path(sys.argv.pop(1)))
    grpc.aio.server = functools.partial(grpc.aio.server, interceptors=(interceptor,))
    main()
