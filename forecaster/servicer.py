"""The Forecaster service: from the wire to the engine and back."""

from collections.abc import AsyncIterator, Callable

import grpc

from forecaster import words
from forecaster.backtest import Summary
from forecaster.engine import Engine
from forecaster.observations import checked
from protos import forecast_pb2 as pb
from protos import forecast_pb2_grpc
from tidegate.shared import wire_forecast
from tidegate.shared.grpc_errors import rpc
from tidegate.shared.values import QUANTILES


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
        quantiles = tuple(request.quantiles) or QUANTILES
        forecast = await self._engine.forecast(
            request.model, request.horizon_s, quantiles, request.window_s, request.paths, request.step_s
        )
        return wire_forecast.to_proto(forecast)

    @rpc
    async def Explain(self, request: pb.ExplainRequest, context: grpc.aio.ServicerContext) -> pb.ExplainResponse:
        """Why the forecast is what it is."""
        explanation, series = await self._engine.explain(request.model, request.horizon_s)
        return pb.ExplainResponse(
            model=explanation.model,
            at_s=explanation.from_s,
            level_rps=explanation.components[0][1],
            components=[pb.Component(name=name, rate_rps=rate) for name, rate in explanation.components],
            members=[
                pb.Member(name=m.name, weight=m.weight, loss=m.loss, failure=m.failure) for m in explanation.members
            ],
            seasons_s=explanation.seasons_s,
            skill=wire_forecast.skill_to_proto(explanation.skill),
            fitted_at_s=series.fitted_at_s,
            fit_seconds=series.fit_seconds,
            summary=words.summary(explanation, request.horizon_s),
        )

    @rpc
    async def Backtest(
        self, request: pb.BacktestRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.BacktestProgress]:
        """Progress, and the result last."""
        rounds = self._engine.backtest(
            request.model, request.horizon_s, request.origins, request.from_fraction, request.step_s
        )
        async for done, origins, summary in rounds:
            result = None if summary is None else _result(summary)
            yield pb.BacktestProgress(done=done, origins=origins, result=result)

    @rpc
    async def GetHistory(
        self, request: pb.GetHistoryRequest, context: grpc.aio.ServicerContext
    ) -> pb.GetHistoryResponse:
        """The latest stretch of what was observed."""
        series = await self._engine.observed(request.model, request.length_s, request.step_s)
        return wire_forecast.history_to_proto(series)

    @rpc
    async def ListSeries(
        self, request: pb.ListSeriesRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListSeriesResponse:
        """Every series that is known."""
        infos = await self._engine.list_series()
        return pb.ListSeriesResponse(
            series=[
                pb.SeriesInfo(
                    model=one.model,
                    step_s=one.step_s,
                    first_s=one.first_s,
                    last_s=one.last_s,
                    last_rate_rps=one.last_rate_rps,
                    missing_fraction=one.missing_fraction,
                    seasons_s=one.seasons_s,
                )
                for one in infos
            ]
        )


def _result(summary: Summary) -> pb.BacktestResult:
    return pb.BacktestResult(
        mase=summary.mase,
        weighted_quantile_loss={f"{q:g}": loss for q, loss in summary.weighted_quantile_loss.items()},
        coverage={f"{q:g}": share for q, share in summary.coverage.items()},
        skill=wire_forecast.skill_to_proto(summary.skill),
        fit_seconds=summary.fit_seconds,
        update_seconds=summary.update_seconds,
    )
