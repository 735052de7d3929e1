"""The shared health service on a real channel."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tidegate.shared.grpc_server import channel, listen, new_server

Request, Response = health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse


async def test_it_serves_nothing_until_told_and_tells_every_watcher() -> None:
    server, health = new_server(("tidegate.Test",))
    address = listen(server, "127.0.0.1:0")
    await server.start()
    async with channel(address) as connection:
        stub = health_pb2_grpc.HealthStub(connection)
        for service in ("", "tidegate.Test"):
            assert (await stub.Check(Request(service=service))).status == Response.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(Request(service="other"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND

        first, second = stub.Watch(Request()), stub.Watch(Request(service="tidegate.Test"))
        other = stub.Watch(Request(service="other"))
        assert (await first.read()).status == (await second.read()).status == Response.NOT_SERVING
        assert (await other.read()).status == Response.SERVICE_UNKNOWN
        await health.set(serving=True)
        assert (await first.read()).status == (await second.read()).status == Response.SERVING
        first.cancel()
        await asyncio.sleep(0.05)
        await health.set(serving=False)
        assert (await second.read()).status == Response.NOT_SERVING  # also when another watcher has left
        health.close()
        assert await second.read() is grpc.aio.EOF
    await server.stop(0)
