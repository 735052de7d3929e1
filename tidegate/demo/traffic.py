"""The demo's requests: which digit is asked of which model when, and whether the answer is right."""

from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from protos import inference_pb2 as pb
from tidegate.client.infer import outputs_of, request_of
from tidegate.client.schedule import poisson_times
from tidegate.demo.models import CONSTANT, INPUT, MODELS, SCALED, Digits
from tidegate.demo.scenario import STEP_S, Scenario
from tidegate.shared.errors import InvalidTensor
from tidegate.shared.values import FloatArray
from tidegate.simulate.generator import counts

CONSTANT_RPS = 3.0
"""A trickle for the replica that stays, beside the scenario's traffic."""


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """The same for every policy: arrivals `due_s` (n,), rising, the image of each and its model (index in MODELS).

    `history_rps` is what the scaled model was asked for before.
    """

    due_s: FloatArray
    image: NDArray[np.int64]
    model: NDArray[np.int64]
    history_rps: FloatArray

    def offered_rps(self, seconds: int) -> FloatArray:
        """Requests for the scaled model in each second of the live part, shape (seconds,)."""
        due_s = self.due_s[self.model == MODELS.index(SCALED)]
        return np.histogram(due_s, np.arange(seconds + 1))[0].astype(float)


def make_traffic(scenario: Scenario, images: int, rng: np.random.Generator) -> Traffic:
    """Poisson arrivals along the scenario for the scaled model and a trickle for the other; history counted so too."""
    scaled = poisson_times(scenario.live_rps, STEP_S, rng)
    trickle = poisson_times(np.full_like(scenario.live_rps, CONSTANT_RPS), STEP_S, rng)
    due_s = np.concatenate((scaled, trickle))
    model = np.repeat((MODELS.index(SCALED), MODELS.index(CONSTANT)), (len(scaled), len(trickle)))
    order = np.argsort(due_s, kind="stable")
    past = scenario.history_rps
    history = np.where(np.isnan(past), np.nan, counts(np.nan_to_num(past), STEP_S, rng) / STEP_S)
    return Traffic(due_s[order], rng.integers(images, size=len(due_s)), model[order], history)


class AnswerSheet:
    """Builds the requests and judges the answers: each must be the digit that the model itself says offline.

    That digit can differ from the true one (no classifier is perfect): `right` counts those that are true as well.
    """

    def __init__(self, digits: Digits, traffic: Traffic) -> None:
        self._digits = digits
        self._traffic = traffic
        self.right = np.zeros(len(traffic.due_s), dtype=bool)

    def requests(self) -> list[bytes]:
        """One serialised request for each model and image; request k of the run sends number `choice()[k]`."""
        rows = self._digits.images
        return [
            request_of(model, {INPUT: rows[i : i + 1]}).SerializeToString()
            for model in MODELS
            for i in range(len(rows))
        ]

    def choice(self) -> list[int]:
        """Which of `requests()` each arrival sends."""
        chosen: list[int] = (self._traffic.model * len(self._digits.images) + self._traffic.image).tolist()
        return chosen

    def check(self, k: int, response: bytes) -> bool:
        """Is the answer to request k what this model says about this very image?"""
        try:
            (scores,) = outputs_of(pb.ModelInferResponse.FromString(response)).values()
        except (DecodeError, InvalidTensor, ValueError):  # not a response, or not one output
            return False
        if scores.shape != (1, 10):
            return False
        image = self._traffic.image[k]
        digit = int(scores.argmax())
        self.right[k] = digit == self._digits.truth[image]
        return digit == int(self._digits.predicted[image])
