from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_SHADOW: _ClassVar[Mode]
    MODE_FLOOR: _ClassVar[Mode]
    MODE_FULL: _ClassVar[Mode]
    MODE_HPA: _ClassVar[Mode]
MODE_UNSPECIFIED: Mode
MODE_SHADOW: Mode
MODE_FLOOR: Mode
MODE_FULL: Mode
MODE_HPA: Mode

class GetStatusRequest(_message.Message):
    __slots__ = ("pool",)
    POOL_FIELD_NUMBER: _ClassVar[int]
    pool: str
    def __init__(self, pool: _Optional[str] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("pools",)
    POOLS_FIELD_NUMBER: _ClassVar[int]
    pools: _containers.RepeatedCompositeFieldContainer[PoolStatus]
    def __init__(self, pools: _Optional[_Iterable[_Union[PoolStatus, _Mapping]]] = ...) -> None: ...

class PoolStatus(_message.Message):
    __slots__ = ("pool", "models", "wished_mode", "plan", "starting", "ready", "draining", "failed_starts", "overrides", "savings")
    POOL_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    WISHED_MODE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STARTING_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    FAILED_STARTS_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    SAVINGS_FIELD_NUMBER: _ClassVar[int]
    pool: str
    models: _containers.RepeatedScalarFieldContainer[str]
    wished_mode: str
    plan: Plan
    starting: int
    ready: int
    draining: int
    failed_starts: int
    overrides: _containers.RepeatedCompositeFieldContainer[Override]
    savings: Savings
    def __init__(self, pool: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., wished_mode: _Optional[str] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., starting: _Optional[int] = ..., ready: _Optional[int] = ..., draining: _Optional[int] = ..., failed_starts: _Optional[int] = ..., overrides: _Optional[_Iterable[_Union[Override, _Mapping]]] = ..., savings: _Optional[_Union[Savings, _Mapping]] = ...) -> None: ...

class Savings(_message.Message):
    __slots__ = ("seconds", "rows", "replica_seconds", "late_rows", "hpa_replica_seconds", "hpa_late_rows")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    REPLICA_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LATE_ROWS_FIELD_NUMBER: _ClassVar[int]
    HPA_REPLICA_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HPA_LATE_ROWS_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    rows: float
    replica_seconds: float
    late_rows: float
    hpa_replica_seconds: float
    hpa_late_rows: float
    def __init__(self, seconds: _Optional[float] = ..., rows: _Optional[float] = ..., replica_seconds: _Optional[float] = ..., late_rows: _Optional[float] = ..., hpa_replica_seconds: _Optional[float] = ..., hpa_late_rows: _Optional[float] = ...) -> None: ...

class Override(_message.Message):
    __slots__ = ("kind", "value", "reason", "by", "at_s", "until_s")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    UNTIL_S_FIELD_NUMBER: _ClassVar[int]
    kind: str
    value: str
    reason: str
    by: str
    at_s: float
    until_s: float
    def __init__(self, kind: _Optional[str] = ..., value: _Optional[str] = ..., reason: _Optional[str] = ..., by: _Optional[str] = ..., at_s: _Optional[float] = ..., until_s: _Optional[float] = ...) -> None: ...

class SetOverrideRequest(_message.Message):
    __slots__ = ("pool", "kind", "value", "reason", "by", "for_s")
    POOL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    FOR_S_FIELD_NUMBER: _ClassVar[int]
    pool: str
    kind: str
    value: str
    reason: str
    by: str
    for_s: float
    def __init__(self, pool: _Optional[str] = ..., kind: _Optional[str] = ..., value: _Optional[str] = ..., reason: _Optional[str] = ..., by: _Optional[str] = ..., for_s: _Optional[float] = ...) -> None: ...

class ListAuditRequest(_message.Message):
    __slots__ = ("pool", "since_s", "limit")
    POOL_FIELD_NUMBER: _ClassVar[int]
    SINCE_S_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    pool: str
    since_s: float
    limit: int
    def __init__(self, pool: _Optional[str] = ..., since_s: _Optional[float] = ..., limit: _Optional[int] = ...) -> None: ...

class ListAuditResponse(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[AuditEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[AuditEntry, _Mapping]]] = ...) -> None: ...

class AuditEntry(_message.Message):
    __slots__ = ("at_s", "pool", "who", "what", "why", "until_s")
    AT_S_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    UNTIL_S_FIELD_NUMBER: _ClassVar[int]
    at_s: float
    pool: str
    who: str
    what: str
    why: str
    until_s: float
    def __init__(self, at_s: _Optional[float] = ..., pool: _Optional[str] = ..., who: _Optional[str] = ..., what: _Optional[str] = ..., why: _Optional[str] = ..., until_s: _Optional[float] = ...) -> None: ...

class ListPlansRequest(_message.Message):
    __slots__ = ("pool", "since_s", "limit")
    POOL_FIELD_NUMBER: _ClassVar[int]
    SINCE_S_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    pool: str
    since_s: float
    limit: int
    def __init__(self, pool: _Optional[str] = ..., since_s: _Optional[float] = ..., limit: _Optional[int] = ...) -> None: ...

class ListPlansResponse(_message.Message):
    __slots__ = ("plans",)
    PLANS_FIELD_NUMBER: _ClassVar[int]
    plans: _containers.RepeatedCompositeFieldContainer[Plan]
    def __init__(self, plans: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("pool", "at_s")
    POOL_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    pool: str
    at_s: float
    def __init__(self, pool: _Optional[str] = ..., at_s: _Optional[float] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("pool", "at_s", "mode", "mode_reason", "ready", "asked", "desired", "terms", "adjustments", "inputs", "dry_run")
    POOL_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    MODE_REASON_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    ADJUSTMENTS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    pool: str
    at_s: float
    mode: Mode
    mode_reason: str
    ready: int
    asked: int
    desired: int
    terms: _containers.RepeatedCompositeFieldContainer[Term]
    adjustments: _containers.RepeatedCompositeFieldContainer[Adjustment]
    inputs: Inputs
    dry_run: bool
    def __init__(self, pool: _Optional[str] = ..., at_s: _Optional[float] = ..., mode: _Optional[_Union[Mode, str]] = ..., mode_reason: _Optional[str] = ..., ready: _Optional[int] = ..., asked: _Optional[int] = ..., desired: _Optional[int] = ..., terms: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., adjustments: _Optional[_Iterable[_Union[Adjustment, _Mapping]]] = ..., inputs: _Optional[_Union[Inputs, _Mapping]] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class Term(_message.Message):
    __slots__ = ("name", "replicas", "known", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    replicas: int
    known: bool
    reason: str
    def __init__(self, name: _Optional[str] = ..., replicas: _Optional[int] = ..., known: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class Adjustment(_message.Message):
    __slots__ = ("name", "before", "after", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    before: int
    after: int
    reason: str
    def __init__(self, name: _Optional[str] = ..., before: _Optional[int] = ..., after: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Inputs(_message.Message):
    __slots__ = ("lead_s", "lead_source", "capacity_rows_per_s", "capacity_source", "window_s", "demand_rows_per_s", "outstanding_rows", "quantiles", "window_max_rows_per_s", "skill_vs_seasonal_naive", "skill_vs_last_value")
    LEAD_S_FIELD_NUMBER: _ClassVar[int]
    LEAD_SOURCE_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_ROWS_PER_S_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_SOURCE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    DEMAND_ROWS_PER_S_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_ROWS_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_MAX_ROWS_PER_S_FIELD_NUMBER: _ClassVar[int]
    SKILL_VS_SEASONAL_NAIVE_FIELD_NUMBER: _ClassVar[int]
    SKILL_VS_LAST_VALUE_FIELD_NUMBER: _ClassVar[int]
    lead_s: float
    lead_source: str
    capacity_rows_per_s: float
    capacity_source: str
    window_s: float
    demand_rows_per_s: float
    outstanding_rows: float
    quantiles: _containers.RepeatedScalarFieldContainer[float]
    window_max_rows_per_s: _containers.RepeatedScalarFieldContainer[float]
    skill_vs_seasonal_naive: float
    skill_vs_last_value: float
    def __init__(self, lead_s: _Optional[float] = ..., lead_source: _Optional[str] = ..., capacity_rows_per_s: _Optional[float] = ..., capacity_source: _Optional[str] = ..., window_s: _Optional[float] = ..., demand_rows_per_s: _Optional[float] = ..., outstanding_rows: _Optional[float] = ..., quantiles: _Optional[_Iterable[float]] = ..., window_max_rows_per_s: _Optional[_Iterable[float]] = ..., skill_vs_seasonal_naive: _Optional[float] = ..., skill_vs_last_value: _Optional[float] = ...) -> None: ...
