"""A router in the test's own process, with clients for both of its ports."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from prometheus_client import CollectorRegistry

import dataplane
from protos import inference_pb2 as pb
from protos import inference_pb2_grpc, router_pb2_grpc
from router.core import Core
from router.driver import Driver
from router.server import running
from router.settings import RouterSettings
from tests.support.processes import free_address
from tests.support.waiting import until
from tidegate.shared.grpc_server import channel


@dataclass(frozen=True)
class Router:
    listen: str
    admin_address: str
    core: Core
    driver: Driver
    registry: CollectorRegistry
    data: grpc.aio.Channel
    stub: inference_pb2_grpc.GRPCInferenceServiceStub
    admin: router_pb2_grpc.RouterAdminStub
    stop: Callable[[], Awaitable[None]]  # as on SIGTERM, while the clients are still there

    async def infer(self, what: str = "echo", model: str = "digits", **call: Any) -> pb.ModelInferResponse:
        return await self.stub.ModelInfer(pb.ModelInferRequest(model_name=model, id=what), **call)

    async def ready(self, *addresses: str, model: str = "digits") -> None:
        await until(lambda: self.core.table.snapshot.ready(model) == tuple(sorted(addresses)))
        await self.driver.settled()

    @property
    def held(self) -> int:
        return self.core.plane.held

    def outstanding(self, address: str) -> int:
        return self.core.outstanding().get(address, 0)

    def at_work(self) -> dict[str, int]:
        """Outstanding requests of the backends that have any."""
        return {address: count for address, count in self.core.outstanding().items() if count}

    def of_model(self, model: str = "digits") -> dataplane.ModelCounts:
        return self.core.plane.counts().models[model]

    def of_backend(self, address: str) -> dataplane.BackendCounts:
        return self.core.plane.counts().backends[self.core.targets[address]]

    def ended(self, outcome: str, model: str = "digits") -> int:
        return self.of_model(model).ended[outcome]

    def at_rest(self) -> bool:
        counts = self.core.plane.counts()
        return not (self.at_work() or self.held or any(one.outstanding for one in counts.models.values()))


@asynccontextmanager
async def routing(*backends: str, **settings: Any) -> AsyncIterator[Router]:
    """A router on free ports, quick in its health checks unless told otherwise."""
    quick = {"health_interval_s": 0.1, "health_timeout_s": 2.0, "drain_s": 2.0, "hold_s": 10.0}
    registry = CollectorRegistry()
    ports = {"listen": free_address(), "admin": free_address()}
    chosen = RouterSettings(**{**ports, "backends": backends, **quick, **settings})
    async with AsyncExitStack() as stack:
        data = await stack.enter_async_context(channel(chosen.listen))
        admin = await stack.enter_async_context(channel(chosen.admin))
        router_stack = await stack.enter_async_context(AsyncExitStack())
        router = await router_stack.enter_async_context(running(chosen, registry))
        yield Router(
            listen=router.listen,
            admin_address=router.admin,
            core=router.core,
            driver=router.driver,
            registry=registry,
            data=data,
            stub=inference_pb2_grpc.GRPCInferenceServiceStub(data),
            admin=router_pb2_grpc.RouterAdminStub(admin),
            stop=router_stack.aclose,
        )


def backend_of(response: pb.ModelInferResponse) -> str:
    """The fake backend that answered."""
    return response.parameters["backend"].string_param
