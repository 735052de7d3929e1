"""A run made small enough to draw, and to keep as JSON. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.shared.values import FloatArray
from tidegate.simulate.policies import Terms
from tidegate.simulate.predictive import Foreseen
from tidegate.simulate.replay import Run

POINTS = 1000


@dataclass(frozen=True, slots=True)
class Sketch:
    """Means over `step_s` from `start_s` on: the rate in requests/s, the replicas ready and paid for. `fan` is the
    forecast that was made one start-up before each time, for the policy that forecasts."""

    policy: str
    start_s: float
    step_s: int
    rate_rps: Sequence[float]
    ready: Sequence[float]
    paid: Sequence[float]
    miss_share: float
    replica_hours: float
    fan: Sequence[Foreseen] = ()


def sketch(run: Run, terms: Terms, foreseen: Sequence[Foreseen] = ()) -> Sketch:
    """About POINTS points of a run."""
    step = max(1, len(run.arrived) // POINTS)
    count = len(run.arrived) // step

    def mean(values: FloatArray) -> list[float]:
        means: list[float] = values[: count * step].reshape(count, step).mean(axis=1).round(2).tolist()
        return means

    late = run.waits.late(terms.slo_wait_s)
    return Sketch(
        policy=run.policy,
        start_s=run.start_s,
        step_s=step,
        rate_rps=mean(run.arrived),
        ready=mean(run.ready),
        paid=mean(run.paid),
        miss_share=late / run.waits.requests if run.waits.requests else 0.0,
        replica_hours=run.replica_seconds / 3600,
        fan=tuple(one for one in foreseen if one.at_s <= run.start_s + len(run.arrived)),
    )
