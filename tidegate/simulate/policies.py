"""What decides in the simulated world. PURE. A policy sees the past only: `View` is all that it is given."""

from dataclasses import dataclass
from typing import Protocol

from scaler import hpa
from tidegate.shared.values import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The world as a policy sees it at `now_s`. `arrived` are the last tick's seconds."""

    now_s: float
    ready: int
    starting_ready_in_s: tuple[float, ...]
    backlog: float
    arrived: FloatArray
    served_rps: float


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of the simulated world that every policy knows."""

    capacity_rps: float
    startup_s: float
    slo_wait_s: float
    tick_s: int
    min_replicas: int
    max_replicas: int


class Policy(Protocol):
    """Decides how many replicas there shall be."""

    @property
    def name(self) -> str:
        """Its name on the command line."""

    def decide(self, view: View) -> int:
        """Replicas wanted from now on."""


class HpaPolicy:
    """Kubernetes' HPA at its defaults on utilisation; it decides when its sync period says so."""

    name = "hpa"

    def __init__(self, terms: Terms, spec: hpa.HpaSpec | None = None) -> None:
        self._terms = terms
        self._spec = spec or hpa.HpaSpec()
        self._memory = hpa.HpaMemory()

    def decide(self, view: View) -> int:
        """What the HPA asks for; what is there when it has no metric."""
        terms, starting = self._terms, len(view.starting_ready_in_s)
        ratios = {}
        if view.ready:
            ratios["utilisation"] = view.served_rps / (view.ready * terms.capacity_rps) / self._spec.target
        answer, _, self._memory = hpa.decide(
            self._spec,
            self._memory,
            view.now_s,
            view.ready,
            starting,
            ratios,
            (terms.min_replicas, terms.max_replicas),
        )
        return view.ready + starting if answer is None else answer
