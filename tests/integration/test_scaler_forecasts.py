"""What the scaler makes of a forecaster's answers."""

import math

import grpc
import pytest

from protos import forecast_pb2, forecast_pb2_grpc
from scaler.sources import Forecasts


class Says(forecast_pb2_grpc.ForecasterServicer):
    """A forecaster whose sample paths hold this value."""

    def __init__(self, value: float) -> None:
        self._value = value

    async def Forecast(  # noqa: N802 - the wire's
        self, request: forecast_pb2.ForecastRequest, context: grpc.aio.ServicerContext
    ) -> forecast_pb2.ForecastResponse:
        return forecast_pb2.ForecastResponse(
            model=request.model,
            step_s=60.0,
            quantiles=[0.5],
            values=[forecast_pb2.QuantilePath(rate_rps=[1.0, 1.0])],
            paths=[forecast_pb2.SamplePath(rate_rps=[1.0, self._value])],
        )


async def answer(value: float) -> tuple[list[str], dict[str, str]]:
    server = grpc.aio.server()
    forecast_pb2_grpc.add_ForecasterServicer_to_server(Says(value), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    forecasts = Forecasts(f"127.0.0.1:{port}", timeout_s=5.0)
    try:
        found, reasons = await forecasts.read(["m"], 120.0, 120.0)
    finally:
        await forecasts.close()
        await server.stop(None)
    return list(found), reasons


async def test_a_forecast_is_taken_as_it_is() -> None:
    assert await answer(2.0) == (["m"], {})


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_a_forecast_of_what_is_no_number_is_none(value: float) -> None:
    assert await answer(value) == ([], {"m": "the forecast's paths hold values that are no numbers"})
