"""One pool's decision on its way from the planner to who carries it out. PURE."""

from dataclasses import dataclass

from scaler.observation import Observation, PoolSpec
from scaler.outlook import Slot
from tidegate.shared.values import Plan


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one pool wants by itself, before all pools together are looked at; `paused` says why it is left alone."""

    spec: PoolSpec
    observation: Observation
    plan: Plan
    paused: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """`leads_s` are the measured start-ups, oldest first; `paused` says why nothing is done, empty for no pause;
    `outlook` is what the next hour is going to ask for, as far as that was looked at."""

    plan: Plan
    capacity_relative_error: float = 0.0
    leads_s: tuple[float, ...] = ()
    paused: str = ""
    outlook: tuple[Slot, ...] = ()
