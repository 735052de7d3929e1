from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ObserveRequest(_message.Message):
    __slots__ = ("model", "source", "start_s", "step_s", "rate_rps")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    STEP_S_FIELD_NUMBER: _ClassVar[int]
    RATE_RPS_FIELD_NUMBER: _ClassVar[int]
    model: str
    source: str
    start_s: float
    step_s: float
    rate_rps: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, model: _Optional[str] = ..., source: _Optional[str] = ..., start_s: _Optional[float] = ..., step_s: _Optional[float] = ..., rate_rps: _Optional[_Iterable[float]] = ...) -> None: ...

class ObserveResponse(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: int
    def __init__(self, values: _Optional[int] = ...) -> None: ...

class ForecastRequest(_message.Message):
    __slots__ = ("model", "horizon_s", "quantiles", "window_s", "paths", "step_s")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    HORIZON_S_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    STEP_S_FIELD_NUMBER: _ClassVar[int]
    model: str
    horizon_s: float
    quantiles: _containers.RepeatedScalarFieldContainer[float]
    window_s: float
    paths: int
    step_s: float
    def __init__(self, model: _Optional[str] = ..., horizon_s: _Optional[float] = ..., quantiles: _Optional[_Iterable[float]] = ..., window_s: _Optional[float] = ..., paths: _Optional[int] = ..., step_s: _Optional[float] = ...) -> None: ...

class ForecastResponse(_message.Message):
    __slots__ = ("model", "issued_at_s", "start_s", "step_s", "quantiles", "values", "window_s", "window_max_rps", "paths", "skill", "history_s", "seasons_s", "basis")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_S_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    STEP_S_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    WINDOW_MAX_RPS_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    SKILL_FIELD_NUMBER: _ClassVar[int]
    HISTORY_S_FIELD_NUMBER: _ClassVar[int]
    SEASONS_S_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    model: str
    issued_at_s: float
    start_s: float
    step_s: float
    quantiles: _containers.RepeatedScalarFieldContainer[float]
    values: _containers.RepeatedCompositeFieldContainer[QuantilePath]
    window_s: float
    window_max_rps: _containers.RepeatedScalarFieldContainer[float]
    paths: _containers.RepeatedCompositeFieldContainer[SamplePath]
    skill: Skill
    history_s: float
    seasons_s: _containers.RepeatedScalarFieldContainer[float]
    basis: str
    def __init__(self, model: _Optional[str] = ..., issued_at_s: _Optional[float] = ..., start_s: _Optional[float] = ..., step_s: _Optional[float] = ..., quantiles: _Optional[_Iterable[float]] = ..., values: _Optional[_Iterable[_Union[QuantilePath, _Mapping]]] = ..., window_s: _Optional[float] = ..., window_max_rps: _Optional[_Iterable[float]] = ..., paths: _Optional[_Iterable[_Union[SamplePath, _Mapping]]] = ..., skill: _Optional[_Union[Skill, _Mapping]] = ..., history_s: _Optional[float] = ..., seasons_s: _Optional[_Iterable[float]] = ..., basis: _Optional[str] = ...) -> None: ...

class WatchForecastRequest(_message.Message):
    __slots__ = ("forecast", "every_s")
    FORECAST_FIELD_NUMBER: _ClassVar[int]
    EVERY_S_FIELD_NUMBER: _ClassVar[int]
    forecast: ForecastRequest
    every_s: float
    def __init__(self, forecast: _Optional[_Union[ForecastRequest, _Mapping]] = ..., every_s: _Optional[float] = ...) -> None: ...

class QuantilePath(_message.Message):
    __slots__ = ("rate_rps",)
    RATE_RPS_FIELD_NUMBER: _ClassVar[int]
    rate_rps: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, rate_rps: _Optional[_Iterable[float]] = ...) -> None: ...

class SamplePath(_message.Message):
    __slots__ = ("rate_rps",)
    RATE_RPS_FIELD_NUMBER: _ClassVar[int]
    rate_rps: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, rate_rps: _Optional[_Iterable[float]] = ...) -> None: ...

class Skill(_message.Message):
    __slots__ = ("origins", "vs_seasonal_naive", "vs_last_value", "coverage_95")
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    VS_SEASONAL_NAIVE_FIELD_NUMBER: _ClassVar[int]
    VS_LAST_VALUE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_95_FIELD_NUMBER: _ClassVar[int]
    origins: int
    vs_seasonal_naive: float
    vs_last_value: float
    coverage_95: float
    def __init__(self, origins: _Optional[int] = ..., vs_seasonal_naive: _Optional[float] = ..., vs_last_value: _Optional[float] = ..., coverage_95: _Optional[float] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("model", "horizon_s", "at_s")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    HORIZON_S_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    model: str
    horizon_s: float
    at_s: float
    def __init__(self, model: _Optional[str] = ..., horizon_s: _Optional[float] = ..., at_s: _Optional[float] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("model", "from_s", "until_s", "median_rps", "components", "conformal", "members", "seasons_s", "skill", "health", "basis", "fitted_at_s", "fit_seconds", "events", "summary", "widened")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FROM_S_FIELD_NUMBER: _ClassVar[int]
    UNTIL_S_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_RPS_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    CONFORMAL_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    SEASONS_S_FIELD_NUMBER: _ClassVar[int]
    SKILL_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    FITTED_AT_S_FIELD_NUMBER: _ClassVar[int]
    FIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    WIDENED_FIELD_NUMBER: _ClassVar[int]
    model: str
    from_s: float
    until_s: float
    median_rps: float
    components: _containers.RepeatedCompositeFieldContainer[Component]
    conformal: _containers.RepeatedCompositeFieldContainer[QuantileFigure]
    members: _containers.RepeatedCompositeFieldContainer[Member]
    seasons_s: _containers.RepeatedScalarFieldContainer[float]
    skill: Skill
    health: Health
    basis: str
    fitted_at_s: float
    fit_seconds: float
    events: _containers.RepeatedCompositeFieldContainer[Event]
    summary: str
    widened: _containers.RepeatedCompositeFieldContainer[QuantileFigure]
    def __init__(self, model: _Optional[str] = ..., from_s: _Optional[float] = ..., until_s: _Optional[float] = ..., median_rps: _Optional[float] = ..., components: _Optional[_Iterable[_Union[Component, _Mapping]]] = ..., conformal: _Optional[_Iterable[_Union[QuantileFigure, _Mapping]]] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., seasons_s: _Optional[_Iterable[float]] = ..., skill: _Optional[_Union[Skill, _Mapping]] = ..., health: _Optional[_Union[Health, _Mapping]] = ..., basis: _Optional[str] = ..., fitted_at_s: _Optional[float] = ..., fit_seconds: _Optional[float] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., summary: _Optional[str] = ..., widened: _Optional[_Iterable[_Union[QuantileFigure, _Mapping]]] = ...) -> None: ...

class Component(_message.Message):
    __slots__ = ("name", "rate_rps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RATE_RPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    rate_rps: float
    def __init__(self, name: _Optional[str] = ..., rate_rps: _Optional[float] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("name", "weight", "loss", "failure")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    name: str
    weight: float
    loss: float
    failure: str
    def __init__(self, name: _Optional[str] = ..., weight: _Optional[float] = ..., loss: _Optional[float] = ..., failure: _Optional[str] = ...) -> None: ...

class QuantileFigure(_message.Message):
    __slots__ = ("quantile", "value")
    QUANTILE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    quantile: float
    value: float
    def __init__(self, quantile: _Optional[float] = ..., value: _Optional[float] = ...) -> None: ...

class Health(_message.Message):
    __slots__ = ("coverage", "window_coverage", "pinball_rps", "skill_by_horizon", "drift")
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    PINBALL_RPS_FIELD_NUMBER: _ClassVar[int]
    SKILL_BY_HORIZON_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    coverage: _containers.RepeatedCompositeFieldContainer[QuantileFigure]
    window_coverage: _containers.RepeatedCompositeFieldContainer[QuantileFigure]
    pinball_rps: _containers.RepeatedCompositeFieldContainer[QuantileFigure]
    skill_by_horizon: _containers.RepeatedCompositeFieldContainer[HorizonSkill]
    drift: float
    def __init__(self, coverage: _Optional[_Iterable[_Union[QuantileFigure, _Mapping]]] = ..., window_coverage: _Optional[_Iterable[_Union[QuantileFigure, _Mapping]]] = ..., pinball_rps: _Optional[_Iterable[_Union[QuantileFigure, _Mapping]]] = ..., skill_by_horizon: _Optional[_Iterable[_Union[HorizonSkill, _Mapping]]] = ..., drift: _Optional[float] = ...) -> None: ...

class HorizonSkill(_message.Message):
    __slots__ = ("ahead_s", "skill")
    AHEAD_S_FIELD_NUMBER: _ClassVar[int]
    SKILL_FIELD_NUMBER: _ClassVar[int]
    ahead_s: float
    skill: Skill
    def __init__(self, ahead_s: _Optional[float] = ..., skill: _Optional[_Union[Skill, _Mapping]] = ...) -> None: ...

class BacktestRequest(_message.Message):
    __slots__ = ("model", "horizon_s", "origins", "from_fraction", "step_s")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    HORIZON_S_FIELD_NUMBER: _ClassVar[int]
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    FROM_FRACTION_FIELD_NUMBER: _ClassVar[int]
    STEP_S_FIELD_NUMBER: _ClassVar[int]
    model: str
    horizon_s: float
    origins: int
    from_fraction: float
    step_s: float
    def __init__(self, model: _Optional[str] = ..., horizon_s: _Optional[float] = ..., origins: _Optional[int] = ..., from_fraction: _Optional[float] = ..., step_s: _Optional[float] = ...) -> None: ...

class BacktestProgress(_message.Message):
    __slots__ = ("done", "origins", "result")
    DONE_FIELD_NUMBER: _ClassVar[int]
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    done: int
    origins: int
    result: BacktestResult
    def __init__(self, done: _Optional[int] = ..., origins: _Optional[int] = ..., result: _Optional[_Union[BacktestResult, _Mapping]] = ...) -> None: ...

class BacktestResult(_message.Message):
    __slots__ = ("mase", "weighted_quantile_loss", "coverage", "skill", "fit_seconds", "update_seconds", "window_coverage", "naive_weighted_quantile_loss")
    class WeightedQuantileLossEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class CoverageEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class WindowCoverageEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    MASE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTED_QUANTILE_LOSS_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    SKILL_FIELD_NUMBER: _ClassVar[int]
    FIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    NAIVE_WEIGHTED_QUANTILE_LOSS_FIELD_NUMBER: _ClassVar[int]
    mase: float
    weighted_quantile_loss: _containers.ScalarMap[str, float]
    coverage: _containers.ScalarMap[str, float]
    skill: Skill
    fit_seconds: float
    update_seconds: float
    window_coverage: _containers.ScalarMap[str, float]
    naive_weighted_quantile_loss: float
    def __init__(self, mase: _Optional[float] = ..., weighted_quantile_loss: _Optional[_Mapping[str, float]] = ..., coverage: _Optional[_Mapping[str, float]] = ..., skill: _Optional[_Union[Skill, _Mapping]] = ..., fit_seconds: _Optional[float] = ..., update_seconds: _Optional[float] = ..., window_coverage: _Optional[_Mapping[str, float]] = ..., naive_weighted_quantile_loss: _Optional[float] = ...) -> None: ...

class GetHistoryRequest(_message.Message):
    __slots__ = ("model", "length_s", "step_s", "until_s")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LENGTH_S_FIELD_NUMBER: _ClassVar[int]
    STEP_S_FIELD_NUMBER: _ClassVar[int]
    UNTIL_S_FIELD_NUMBER: _ClassVar[int]
    model: str
    length_s: float
    step_s: float
    until_s: float
    def __init__(self, model: _Optional[str] = ..., length_s: _Optional[float] = ..., step_s: _Optional[float] = ..., until_s: _Optional[float] = ...) -> None: ...

class GetHistoryResponse(_message.Message):
    __slots__ = ("model", "start_s", "step_s", "rate_rps")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    STEP_S_FIELD_NUMBER: _ClassVar[int]
    RATE_RPS_FIELD_NUMBER: _ClassVar[int]
    model: str
    start_s: float
    step_s: float
    rate_rps: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, model: _Optional[str] = ..., start_s: _Optional[float] = ..., step_s: _Optional[float] = ..., rate_rps: _Optional[_Iterable[float]] = ...) -> None: ...

class ListSeriesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSeriesResponse(_message.Message):
    __slots__ = ("series", "leader")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    LEADER_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[SeriesInfo]
    leader: str
    def __init__(self, series: _Optional[_Iterable[_Union[SeriesInfo, _Mapping]]] = ..., leader: _Optional[str] = ...) -> None: ...

class SeriesInfo(_message.Message):
    __slots__ = ("model", "step_s", "first_s", "last_s", "last_rate_rps", "missing_fraction", "seasons_s", "fitted_at_s", "skill", "drift", "basis", "failure")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STEP_S_FIELD_NUMBER: _ClassVar[int]
    FIRST_S_FIELD_NUMBER: _ClassVar[int]
    LAST_S_FIELD_NUMBER: _ClassVar[int]
    LAST_RATE_RPS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FRACTION_FIELD_NUMBER: _ClassVar[int]
    SEASONS_S_FIELD_NUMBER: _ClassVar[int]
    FITTED_AT_S_FIELD_NUMBER: _ClassVar[int]
    SKILL_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    model: str
    step_s: float
    first_s: float
    last_s: float
    last_rate_rps: float
    missing_fraction: float
    seasons_s: _containers.RepeatedScalarFieldContainer[float]
    fitted_at_s: float
    skill: Skill
    drift: float
    basis: str
    failure: str
    def __init__(self, model: _Optional[str] = ..., step_s: _Optional[float] = ..., first_s: _Optional[float] = ..., last_s: _Optional[float] = ..., last_rate_rps: _Optional[float] = ..., missing_fraction: _Optional[float] = ..., seasons_s: _Optional[_Iterable[float]] = ..., fitted_at_s: _Optional[float] = ..., skill: _Optional[_Union[Skill, _Mapping]] = ..., drift: _Optional[float] = ..., basis: _Optional[str] = ..., failure: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("model", "name", "start_s", "end_s", "factor", "added_rps")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    ADDED_RPS_FIELD_NUMBER: _ClassVar[int]
    model: str
    name: str
    start_s: float
    end_s: float
    factor: float
    added_rps: float
    def __init__(self, model: _Optional[str] = ..., name: _Optional[str] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., factor: _Optional[float] = ..., added_rps: _Optional[float] = ...) -> None: ...

class AddEventResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class RemoveEventRequest(_message.Message):
    __slots__ = ("model", "name")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    model: str
    name: str
    def __init__(self, model: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class RemoveEventResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
