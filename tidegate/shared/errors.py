"""Every error that Tidegate raises on purpose.

TidegateError
├── InvalidRequest            what was asked for makes no sense; asking again won't help
│   ├── InvalidTensor         a tensor of an inference request
│   ├── InvalidSeries         observations or a time-series file
│   └── InvalidSetting        a flag, an environment variable, a key of a file
├── NotFound
│   ├── ModelNotFound
│   ├── BackendNotFound
│   ├── SeriesNotFound
│   └── PoolNotFound
├── Overloaded                try again after `pushback_s`
│   ├── QueueFull             a model server's queue
│   └── HoldFull              the router's waiting room
├── NotReady                  not now; another replica may
│   ├── ModelNotReady
│   ├── ShuttingDown
│   └── ServiceUnreachable    a peer of ours does not answer
├── DeadlinePassed
├── NotSupported
├── NoData                    the question is sound, the history can't answer it yet
└── ModelFailed               the model's code or file failed
    └── ModelLoadFailed

A message names the offending value and, where there is one, the mend. `grpc_errors.STATUS` gives each its gRPC status.
"""


class TidegateError(Exception):
    """Root of all errors that Tidegate raises on purpose."""


class InvalidRequest(TidegateError):
    """The request makes no sense as it stands."""


class InvalidTensor(InvalidRequest):
    """A tensor does not fit its model, its datatype or its own length."""


class InvalidSeries(InvalidRequest):
    """Observations or a time-series file that can't be read."""


class InvalidSetting(InvalidRequest):
    """A setting with a value that can't be used, or with an unknown name."""


class NotFound(TidegateError):
    """No such thing here."""


class ModelNotFound(NotFound):
    """No such model, or no such version of it."""


class BackendNotFound(NotFound):
    """The router knows no backend of that address."""


class SeriesNotFound(NotFound):
    """The forecaster has no series of that name."""


class PoolNotFound(NotFound):
    """The scaler has no pool of that name."""


class Overloaded(TidegateError):
    """Too much is waiting already; `pushback_s` says when to try again."""

    def __init__(self, message: str, pushback_s: float) -> None:
        super().__init__(message)
        self.pushback_s = pushback_s


class QueueFull(Overloaded):
    """A model's queue has no room for the request's rows."""


class HoldFull(Overloaded):
    """The router holds as many requests, or bytes, as it may."""


class NotReady(TidegateError):
    """Can't be done now, here."""


class ModelNotReady(NotReady):
    """The model is loading, unloading or failed to load."""


class ShuttingDown(NotReady):
    """The server is stopping and takes nothing new."""


class ServiceUnreachable(NotReady):
    """A service that is needed does not answer."""


class DeadlinePassed(TidegateError):
    """The caller's deadline passed, or is known to pass, before the work could be done."""


class NotSupported(TidegateError):
    """Known, and not offered."""


class NoData(TidegateError):
    """Too little history to answer."""


class ModelFailed(TidegateError):
    """The model raised while it ran."""


class ModelLoadFailed(ModelFailed):
    """The model's file could not be loaded or warmed."""
