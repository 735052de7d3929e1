"""The Forecaster service: from the wire to the engine and back."""

from collections.abc import AsyncIterator, Callable

import grpc

from forecaster import wire
from forecaster.engine import Engine
from forecaster.observations import checked
from protos import forecast_pb2 as pb
from protos import forecast_pb2_grpc
from tidegate.shared import wire_forecast
from tidegate.shared.grpc_errors import rpc


class ForecasterServicer(forecast_pb2_grpc.ForecasterServicer):
    """Translates."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    @rpc
    async def Observe(
        self, requests: AsyncIterator[pb.ObserveRequest], context: grpc.aio.ServicerContext
    ) -> pb.ObserveResponse:
        """Take observations in, message by message."""
        values = 0
        async for one in requests:
            values += await self._engine.observe(
                [checked(one.model, one.source, one.start_s, one.step_s, one.rate_rps, now_s=self._clock())]
            )
        return pb.ObserveResponse(values=values)

    @rpc
    async def Forecast(self, request: pb.ForecastRequest, context: grpc.aio.ServicerContext) -> pb.ForecastResponse:
        """Quantile paths from now on."""
        return wire_forecast.to_proto(await self._engine.forecast(wire.question_from_proto(request)))

    @rpc
    async def WatchForecast(
        self, request: pb.WatchForecastRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.ForecastResponse]:
        """One forecast after the other."""
        async for forecast in self._engine.watch(wire.question_from_proto(request.forecast), request.every_s):
            yield wire_forecast.to_proto(forecast)

    @rpc
    async def Explain(self, request: pb.ExplainRequest, context: grpc.aio.ServicerContext) -> pb.ExplainResponse:
        """Why the forecast is what it is."""
        explanation, events, fit_seconds = await self._engine.explain(
            request.model, request.horizon_s, request.at_s or None
        )
        return wire.explanation_to_proto(explanation, request.horizon_s, fit_seconds, events)

    @rpc
    async def Backtest(
        self, request: pb.BacktestRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.BacktestProgress]:
        """Progress, and the result last."""
        rounds = self._engine.backtest(
            request.model, request.horizon_s, request.origins, request.from_fraction, request.step_s
        )
        async for done, origins, summary in rounds:
            result = None if summary is None else wire.summary_to_proto(summary)
            yield pb.BacktestProgress(done=done, origins=origins, result=result)

    @rpc
    async def GetHistory(
        self, request: pb.GetHistoryRequest, context: grpc.aio.ServicerContext
    ) -> pb.GetHistoryResponse:
        """A stretch of what was observed."""
        series = await self._engine.observed(request.model, request.length_s, request.step_s, request.until_s)
        return wire_forecast.history_to_proto(series)

    @rpc
    async def ListSeries(
        self, request: pb.ListSeriesRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListSeriesResponse:
        """Every series that is known."""
        infos = await self._engine.list_series()
        return pb.ListSeriesResponse(series=[wire.info_to_proto(one) for one in infos], leader=self._engine.leader)

    @rpc
    async def AddEvent(self, request: pb.Event, context: grpc.aio.ServicerContext) -> pb.AddEventResponse:
        """Plan an event."""
        await self._engine.add_event(wire.event_from_proto(request))
        return pb.AddEventResponse()

    @rpc
    async def ListEvents(
        self, request: pb.ListEventsRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListEventsResponse:
        """The events that are planned, and those that were."""
        found = await self._engine.events(request.model)
        return pb.ListEventsResponse(events=[wire.event_to_proto(one) for one in found])

    @rpc
    async def RemoveEvent(
        self, request: pb.RemoveEventRequest, context: grpc.aio.ServicerContext
    ) -> pb.RemoveEventResponse:
        """Forget an event."""
        await self._engine.remove_event(request.model, request.name)
        return pb.RemoveEventResponse()
