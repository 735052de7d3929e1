"""The forecaster's own values to protobuf and back (those that other services know too: `tidegate.shared`)."""

from collections.abc import Sequence

from forecaster import words
from forecaster.backtest import Summary
from forecaster.calendar import Event
from forecaster.engine import Question
from forecaster.events import KeptEvent
from forecaster.explanation import Explanation, Health
from forecaster.serving import SeriesInfo
from protos import forecast_pb2 as pb
from tidegate.shared.wire_forecast import skill_to_proto


def question_from_proto(request: pb.ForecastRequest) -> Question:
    """What is asked for."""
    return Question(
        model=request.model,
        horizon_s=request.horizon_s,
        quantiles=tuple(request.quantiles),
        window_s=request.window_s,
        paths=request.paths,
        step_s=request.step_s,
    )


def explanation_to_proto(
    explanation: Explanation, horizon_s: float, fit_seconds: float, events: Sequence[Event]
) -> pb.ExplainResponse:
    """An explanation in numbers and in words."""
    return pb.ExplainResponse(
        model=explanation.model,
        from_s=explanation.from_s,
        until_s=explanation.until_s,
        median_rps=explanation.median_rps,
        components=[pb.Component(name=name, rate_rps=rate) for name, rate in explanation.components],
        conformal=_figures(explanation.conformal),
        widened=_figures(explanation.widened),
        members=[pb.Member(name=m.name, weight=m.weight, loss=m.loss, failure=m.failure) for m in explanation.members],
        seasons_s=explanation.seasons_s,
        skill=skill_to_proto(explanation.skill),
        health=_health(explanation.health),
        basis=explanation.basis,
        fitted_at_s=explanation.fitted_at_s,
        fit_seconds=fit_seconds,
        events=[event_to_proto(KeptEvent(explanation.model, one)) for one in events],
        summary=words.summary(explanation, horizon_s),
    )


def info_to_proto(one: SeriesInfo) -> pb.SeriesInfo:
    """One line of the list of series."""
    return pb.SeriesInfo(
        model=one.model,
        step_s=one.step_s,
        first_s=one.first_s,
        last_s=one.last_s,
        last_rate_rps=one.last_rate_rps,
        missing_fraction=one.missing_fraction,
        seasons_s=one.seasons_s,
        fitted_at_s=one.fitted_at_s,
        skill=skill_to_proto(one.skill),
        drift=one.drift,
        basis=one.basis,
        failure=one.failure,
    )


def summary_to_proto(summary: Summary) -> pb.BacktestResult:
    """A backtest's measures."""
    return pb.BacktestResult(
        mase=summary.mase,
        weighted_quantile_loss={f"{q:g}": loss for q, loss in summary.weighted_quantile_loss.items()},
        coverage={f"{q:g}": share for q, share in summary.coverage.items()},
        skill=skill_to_proto(summary.skill),
        fit_seconds=summary.fit_seconds,
        update_seconds=summary.update_seconds,
        window_coverage={f"{q:g}": share for q, share in summary.window_coverage.items()},
        naive_weighted_quantile_loss=summary.naive_weighted_quantile_loss,
    )


def event_to_proto(one: KeptEvent) -> pb.Event:
    """An event on the wire."""
    event = one.event
    return pb.Event(
        model=one.model,
        name=event.name,
        start_s=event.start_s,
        end_s=event.end_s,
        factor=event.factor,
        added_rps=event.added_rps,
    )


def event_from_proto(message: pb.Event) -> KeptEvent:
    """An event off the wire. Raises InvalidRequest naming the field and the value."""
    factor = message.factor if message.HasField("factor") else 1.0
    event = Event(message.name, message.start_s, message.end_s, factor, message.added_rps)
    return KeptEvent(message.model, event)


def _health(health: Health) -> pb.Health:
    return pb.Health(
        coverage=_figures(health.coverage),
        window_coverage=_figures(health.window_coverage),
        pinball_rps=_figures(health.pinball_rps),
        skill_by_horizon=[
            pb.HorizonSkill(ahead_s=ahead_s, skill=skill_to_proto(skill)) for ahead_s, skill in health.skill_by_horizon
        ],
        drift=health.drift,
    )


def _figures(pairs: Sequence[tuple[float, float]]) -> list[pb.QuantileFigure]:
    return [pb.QuantileFigure(quantile=quantile, value=value) for quantile, value in pairs]
