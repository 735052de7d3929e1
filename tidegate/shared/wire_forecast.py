"""Forecasts to protobuf and back: the one conversion."""

from collections.abc import Sequence

import numpy as np

from protos import forecast_pb2 as pb
from tidegate.shared.values import DemandSeries, FloatArray, Forecast, Skill


def to_proto(forecast: Forecast) -> pb.ForecastResponse:
    """A forecast on the wire."""
    message = pb.ForecastResponse(
        model=forecast.model,
        issued_at_s=forecast.issued_at_s,
        start_s=forecast.start_s,
        step_s=forecast.step_s,
        quantiles=forecast.quantiles,
        window_s=forecast.window_s,
        window_max_rps=forecast.window_max_rps,
        skill=skill_to_proto(forecast.skill),
        history_s=forecast.history_s,
        seasons_s=forecast.seasons_s,
        basis=forecast.basis,
    )
    message.MergeFromString(_encoded("values", forecast.values_rps) + _encoded("paths", forecast.paths_rps))
    return message


def from_proto(message: pb.ForecastResponse) -> Forecast:
    """A forecast off the wire."""
    steps = len(message.values[0].rate_rps) if message.values else 0
    return Forecast(
        model=message.model,
        issued_at_s=message.issued_at_s,
        start_s=message.start_s,
        step_s=message.step_s,
        quantiles=tuple(message.quantiles),
        values_rps=_table([path.rate_rps for path in message.values], steps),
        window_s=message.window_s,
        window_max_rps=np.array(message.window_max_rps, dtype=float),
        paths_rps=_table([path.rate_rps for path in message.paths], steps),
        skill=skill_from_proto(message.skill),
        history_s=message.history_s,
        seasons_s=tuple(message.seasons_s),
        basis=message.basis,
    )


def skill_to_proto(skill: Skill) -> pb.Skill:
    """A skill on the wire."""
    return pb.Skill(
        origins=skill.origins,
        vs_seasonal_naive=skill.vs_seasonal_naive,
        vs_last_value=skill.vs_last_value,
        coverage_95=skill.coverage_95,
    )


def skill_from_proto(message: pb.Skill) -> Skill:
    """A skill off the wire."""
    return Skill(message.origins, message.vs_seasonal_naive, message.vs_last_value, message.coverage_95)


def history_to_proto(series: DemandSeries) -> pb.GetHistoryResponse:
    """Observed demand on the wire."""
    return pb.GetHistoryResponse(
        model=series.model, start_s=series.start_s, step_s=series.step_s, rate_rps=series.rate_rps
    )


def history_from_proto(message: pb.GetHistoryResponse) -> DemandSeries:
    """Observed demand off the wire."""
    return DemandSeries(message.model, message.start_s, message.step_s, np.array(message.rate_rps, dtype=float))


def _encoded(name: str, table: FloatArray) -> bytes:
    """The wire form of a table (rows, steps) in a field of ForecastResponse: a message of packed doubles for each row.

    Packed doubles are their own little-endian bytes (protobuf.dev/programming-guides/encoding). Given one by one, the
    200 paths that a scaler asks for would hold up the event loop for 0.3 ms; so it is a hundredth of a millisecond.
    """
    outer = pb.ForecastResponse.DESCRIPTOR.fields_by_name[name]
    inner = outer.message_type.fields_by_name["rate_rps"]
    size = 8 * table.shape[1]
    head = _before(inner.number, size)
    head = _before(outer.number, len(head) + size) + head
    rows = np.empty((len(table), len(head) + size), dtype=np.uint8)
    rows[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    rows[:, len(head) :] = np.ascontiguousarray(table, dtype="<f8").view(np.uint8)
    return rows.tobytes()


def _before(number: int, size: int) -> bytes:
    """What stands before so many bytes of a field: its tag (of a length-delimited one), and their number."""
    parts = bytearray()
    for value in (number << 3 | 2, size):
        left = value
        while left > 0x7F:
            parts.append(left & 0x7F | 0x80)
            left >>= 7
        parts.append(left)
    return bytes(parts)


def _table(rows: Sequence[Sequence[float]], steps: int) -> FloatArray:
    return np.array(rows, dtype=float).reshape(len(rows), steps)
