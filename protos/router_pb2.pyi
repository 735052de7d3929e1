from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegisterRequest(_message.Message):
    __slots__ = ("replica_id", "address", "pool", "warm")
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    replica_id: str
    address: str
    pool: str
    warm: bool
    def __init__(self, replica_id: _Optional[str] = ..., address: _Optional[str] = ..., pool: _Optional[str] = ..., warm: _Optional[bool] = ...) -> None: ...

class RegisterResponse(_message.Message):
    __slots__ = ("ttl_s",)
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    ttl_s: float
    def __init__(self, ttl_s: _Optional[float] = ...) -> None: ...

class DeregisterRequest(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class DeregisterResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ("outstanding",)
    OUTSTANDING_FIELD_NUMBER: _ClassVar[int]
    outstanding: int
    def __init__(self, outstanding: _Optional[int] = ...) -> None: ...

class ResumeRequest(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class ResumeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExpectRequest(_message.Message):
    __slots__ = ("pool", "models", "ready_in_s", "valid_s")
    POOL_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    READY_IN_S_FIELD_NUMBER: _ClassVar[int]
    VALID_S_FIELD_NUMBER: _ClassVar[int]
    pool: str
    models: _containers.RepeatedScalarFieldContainer[str]
    ready_in_s: float
    valid_s: float
    def __init__(self, pool: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., ready_in_s: _Optional[float] = ..., valid_s: _Optional[float] = ...) -> None: ...

class ExpectResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStateRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RouterState(_message.Message):
    __slots__ = ("router_id", "version", "backends", "models", "discovery")
    ROUTER_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    DISCOVERY_FIELD_NUMBER: _ClassVar[int]
    router_id: str
    version: int
    backends: _containers.RepeatedCompositeFieldContainer[BackendState]
    models: _containers.RepeatedCompositeFieldContainer[ModelState]
    discovery: Discovery
    def __init__(self, router_id: _Optional[str] = ..., version: _Optional[int] = ..., backends: _Optional[_Iterable[_Union[BackendState, _Mapping]]] = ..., models: _Optional[_Iterable[_Union[ModelState, _Mapping]]] = ..., discovery: _Optional[_Union[Discovery, _Mapping]] = ...) -> None: ...

class Discovery(_message.Message):
    __slots__ = ("endpoints", "ignored", "heard_s_ago", "frozen")
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    HEARD_S_AGO_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    endpoints: int
    ignored: int
    heard_s_ago: float
    frozen: bool
    def __init__(self, endpoints: _Optional[int] = ..., ignored: _Optional[int] = ..., heard_s_ago: _Optional[float] = ..., frozen: _Optional[bool] = ...) -> None: ...

class BackendState(_message.Message):
    __slots__ = ("address", "replica_id", "pool", "status", "models", "outstanding", "utilization", "capacity_rows_per_s", "succeeded_total", "failed_total", "ejected", "success_share", "weight", "source")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[BackendState.Status]
        STATUS_STARTING: _ClassVar[BackendState.Status]
        STATUS_READY: _ClassVar[BackendState.Status]
        STATUS_UNHEALTHY: _ClassVar[BackendState.Status]
        STATUS_DRAINING: _ClassVar[BackendState.Status]
    STATUS_UNSPECIFIED: BackendState.Status
    STATUS_STARTING: BackendState.Status
    STATUS_READY: BackendState.Status
    STATUS_UNHEALTHY: BackendState.Status
    STATUS_DRAINING: BackendState.Status
    class CapacityRowsPerSEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_ROWS_PER_S_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    FAILED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    EJECTED_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_SHARE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    address: str
    replica_id: str
    pool: str
    status: BackendState.Status
    models: _containers.RepeatedScalarFieldContainer[str]
    outstanding: int
    utilization: float
    capacity_rows_per_s: _containers.ScalarMap[str, float]
    succeeded_total: int
    failed_total: int
    ejected: bool
    success_share: float
    weight: float
    source: str
    def __init__(self, address: _Optional[str] = ..., replica_id: _Optional[str] = ..., pool: _Optional[str] = ..., status: _Optional[_Union[BackendState.Status, str]] = ..., models: _Optional[_Iterable[str]] = ..., outstanding: _Optional[int] = ..., utilization: _Optional[float] = ..., capacity_rows_per_s: _Optional[_Mapping[str, float]] = ..., succeeded_total: _Optional[int] = ..., failed_total: _Optional[int] = ..., ejected: _Optional[bool] = ..., success_share: _Optional[float] = ..., weight: _Optional[float] = ..., source: _Optional[str] = ...) -> None: ...

class ModelState(_message.Message):
    __slots__ = ("model", "outstanding", "held", "cost_rows", "arrived_total", "succeeded_total", "failed_total", "refused_total", "ready_backends", "next_ready_in_s")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    COST_ROWS_FIELD_NUMBER: _ClassVar[int]
    ARRIVED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    FAILED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    REFUSED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    READY_BACKENDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_READY_IN_S_FIELD_NUMBER: _ClassVar[int]
    model: str
    outstanding: int
    held: int
    cost_rows: float
    arrived_total: int
    succeeded_total: int
    failed_total: int
    refused_total: int
    ready_backends: int
    next_ready_in_s: float
    def __init__(self, model: _Optional[str] = ..., outstanding: _Optional[int] = ..., held: _Optional[int] = ..., cost_rows: _Optional[float] = ..., arrived_total: _Optional[int] = ..., succeeded_total: _Optional[int] = ..., failed_total: _Optional[int] = ..., refused_total: _Optional[int] = ..., ready_backends: _Optional[int] = ..., next_ready_in_s: _Optional[float] = ...) -> None: ...

class WatchDemandRequest(_message.Message):
    __slots__ = ("since_second",)
    SINCE_SECOND_FIELD_NUMBER: _ClassVar[int]
    since_second: int
    def __init__(self, since_second: _Optional[int] = ...) -> None: ...

class DemandSecond(_message.Message):
    __slots__ = ("router_id", "second", "models", "sent_at_s")
    ROUTER_ID_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_S_FIELD_NUMBER: _ClassVar[int]
    router_id: str
    second: int
    models: _containers.RepeatedCompositeFieldContainer[ModelDemand]
    sent_at_s: float
    def __init__(self, router_id: _Optional[str] = ..., second: _Optional[int] = ..., models: _Optional[_Iterable[_Union[ModelDemand, _Mapping]]] = ..., sent_at_s: _Optional[float] = ...) -> None: ...

class ModelDemand(_message.Message):
    __slots__ = ("model", "arrivals")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ARRIVALS_FIELD_NUMBER: _ClassVar[int]
    model: str
    arrivals: int
    def __init__(self, model: _Optional[str] = ..., arrivals: _Optional[int] = ...) -> None: ...
