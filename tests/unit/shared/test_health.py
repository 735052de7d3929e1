import pytest
from grpc_health.v1 import health_pb2

from tidegate.shared.health import NOT_SERVING, SERVING, Health


@pytest.mark.parametrize("service", ["", "inference.GRPCInferenceService"])
async def test_a_server_serves_only_when_it_says_so(service: str) -> None:
    health = Health(["inference.GRPCInferenceService"])
    request = health_pb2.HealthCheckRequest(service=service)

    async def status() -> int:
        return (await health.Check(request, None)).status  # type: ignore[arg-type] # no context is looked at

    assert await status() == NOT_SERVING
    await health.set(serving=True)
    assert await status() == SERVING
    await health.set(serving=False)
    assert await status() == NOT_SERVING
