"""The policies by name: what each one's number means, its default, its tuning range, and how it is made. PURE.

A policy is named as `hpa`, or with its number as `hpa=0.7`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import FloatArray
from tidegate.simulate.arrivals import PEAK_UTILIZATION, Arrivals
from tidegate.simulate.clairvoyant import ClairvoyantPolicy
from tidegate.simulate.policies import Policy, Terms
from tidegate.simulate.predictive import Forecasts, Foreseen, PredictivePolicy
from tidegate.simulate.rivals.constant import ConstantPolicy, enough
from tidegate.simulate.rivals.hourly import HourlyPolicy
from tidegate.simulate.rivals.hpa import HpaPolicy
from tidegate.simulate.rivals.keda_queue import KedaQueuePolicy
from tidegate.simulate.rivals.kpa import KpaPolicy
from tidegate.simulate.rivals.phpa import PhpaPolicy
from tidegate.simulate.rivals.queue import QueuePolicy
from tidegate.simulate.rivals.schedule import SchedulePolicy

DEFAULT_RISK = 3.0
"""Price of a miss in replica-seconds: the planner's own default."""
TARGETS = (0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
RISKS = (0.5, 3.0, 10.0, 30.0, 100.0, 1000.0)
"""Prices of a miss that are swept: from some percent of misses on steep loads to hardly any."""
CONSTANTS = 12
"""Constant numbers that are swept: from what the 90 % minute keeps fully busy to what serves the busiest at 80 %."""


@dataclass(slots=True)
class Setting:
    """One replay: its terms, its past and (for the prophet alone) its future, and the price of a miss."""

    terms: Terms
    history: Arrivals
    ahead: FloatArray
    risk: float = DEFAULT_RISK
    _forecasts: Forecasts | None = field(default=None, init=False)

    @property
    def forecasts(self) -> Forecasts:
        """Made when first asked for, and shared by the policies of the replay."""
        if self._forecasts is None:
            self._forecasts = Forecasts(self.terms, self.history, self.ahead)
        return self._forecasts

    @property
    def foreseen(self) -> Sequence[Foreseen]:
        """What was forecast during the replay, when some policy asked for it."""
        return () if self._forecasts is None else self._forecasts.foreseen


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy: `number` says what its number is; `default` and `sweep` give it, `make` takes it."""

    number: str
    default: Callable[[Setting], float]
    sweep: Callable[[Setting], tuple[float, ...]]
    make: Callable[[Setting, float], Policy]


def _target(default: float, make: Callable[[Setting, float], Policy], number: str = "target utilisation") -> Entry:
    return Entry(number, lambda _: default, lambda _: TARGETS, make)


def _constants(setting: Setting) -> tuple[float, ...]:
    least = math.floor(PEAK_UTILIZATION * enough(setting.terms, setting.ahead, level=0.9))
    most = enough(setting.terms, setting.ahead, level=1.0)
    return tuple(float(count) for count in np.unique(np.linspace(max(1, least), max(2, most), CONSTANTS).round()))


POLICIES: dict[str, Entry] = {
    "predictive": Entry(
        "price of a miss in replica-seconds",
        lambda setting: setting.risk,
        lambda _: RISKS,
        lambda setting, risk: PredictivePolicy(setting.terms, setting.forecasts, risk),
    ),
    "hpa": _target(0.8, lambda setting, target: HpaPolicy(setting.terms, target)),
    "kpa": _target(0.7, lambda setting, target: KpaPolicy(setting.terms, target)),
    "keda-queue": Entry(
        "requests in flight for each replica",
        lambda _: 5.0,
        lambda _: (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0),
        lambda setting, length: KedaQueuePolicy(setting.terms, length),
    ),
    "queue": Entry(
        "waiting requests that add a replica",
        lambda _: 50.0,
        lambda _: (5.0, 10.0, 20.0, 50.0, 100.0, 200.0),
        lambda setting, threshold: QueuePolicy(setting.terms, threshold),
    ),
    "phpa": _target(0.8, lambda setting, target: PhpaPolicy(setting.terms, setting.history, target)),
    "hourly": _target(0.8, lambda setting, target: HourlyPolicy(setting.terms, setting.history, target)),
    "schedule": _target(0.8, lambda setting, target: SchedulePolicy(setting.terms, setting.history, target)),
    "constant": Entry(
        "replicas",
        lambda setting: float(enough(setting.terms, setting.history.counts)),
        _constants,
        lambda setting, count: ConstantPolicy(setting.terms, round(count)),
    ),
    "clairvoyant": Entry(
        "none",
        lambda _: 0.0,
        lambda _: (0.0,),
        lambda setting, _: ClairvoyantPolicy(setting.terms, setting.ahead, setting.history.end_s),
    ),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy that was asked for: its label as written, its name, its number (None: the default)."""

    label: str
    name: str
    number: float | None = None

    def value(self, setting: Setting) -> float:
        """The number, the default one where none was given."""
        return POLICIES[self.name].default(setting) if self.number is None else self.number

    def make(self, setting: Setting) -> Policy:
        """The policy, fresh."""
        return POLICIES[self.name].make(setting, self.value(setting))

    def swept(self, setting: Setting) -> "list[Choice]":
        """The policy at each number of its range."""
        return [Choice(f"{self.name}={number:g}", self.name, number) for number in POLICIES[self.name].sweep(setting)]


def choices(text: str) -> list[Choice]:
    """What `NAME[=NUMBER][,…]` asks for. Raises InvalidRequest naming the part that makes no sense."""
    found = [_choice(part.strip()) for part in text.split(",") if part.strip()]
    if not found:
        raise InvalidRequest(f"{text!r} names no policy: known are {', '.join(POLICIES)}")
    labels = [choice.label for choice in found]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        raise InvalidRequest(f"{text!r} names {twice} twice")
    return found


def _choice(part: str) -> Choice:
    name, given, number = part.partition("=")
    if name not in POLICIES:
        raise InvalidRequest(f"{name!r} is no policy: known are {', '.join(POLICIES)}")
    if not given:
        return Choice(part, name)
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf or name == "clairvoyant":
        raise InvalidRequest(f"{part!r}: {name} takes no such number ({POLICIES[name].number})")
    return Choice(part, name, value)
