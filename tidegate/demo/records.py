"""What one policy's run leaves behind. PURE values; times are seconds from the start of the live part."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tidegate.client.results import LoadResult
from tidegate.demo.scenario import Scenario
from tidegate.shared.values import FloatArray

FAN = (0.5, 0.8, 0.95)
"""Quantiles of the forecast that are shown."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one time.

    `asked` are the replicas that cost, asked for and not yet gone, as the scaler counts them; `ready` those that the
    router sends to. The scaler looks once a tick, the router at once: adding up one's and the other's counts twice.
    """

    at_s: float
    asked: int
    ready: int
    outstanding: int
    mode: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """The rate that was forecast at `made_s` for `for_s`, at the quantiles of FAN."""

    made_s: float
    for_s: float
    rate_rps: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PolicyRun:
    """Everything measured under one policy.

    `right` (n,) says which answers named the true digit; `offered_rps` (seconds,) is the scaled model's traffic.
    """

    policy: str
    scenario: Scenario
    load: LoadResult
    right: NDArray[np.bool_]
    offered_rps: FloatArray
    samples: tuple[Sample, ...]
    predictions: tuple[Prediction, ...] = field(default=())

    def ready(self) -> list[tuple[float, int]]:
        """(time, ready replicas) of each sample."""
        return [(sample.at_s, sample.ready) for sample in self.samples]
