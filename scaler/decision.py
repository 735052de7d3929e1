"""One pool's decision, with what only its report needs. PURE."""

from dataclasses import dataclass

from tidegate.shared.values import Plan


@dataclass(frozen=True, slots=True)
class Decision:
    """`leads_s` are the measured start-ups, oldest first."""

    plan: Plan
    capacity_relative_error: float = 0.0
    leads_s: tuple[float, ...] = ()
