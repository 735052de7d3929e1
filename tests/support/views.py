"""A policy's view of the simulated world, as tests want it."""

import numpy as np

from tidegate.simulate.policies import Terms, View

TERMS = Terms(capacity_rps=10.0, startup_s=120.0, slo_wait_s=0.5, tick_s=15, min_replicas=1, max_replicas=200)

SECONDS = TERMS.tick_s


def view(
    now_s: float = 0.0,
    ready: int = 1,
    starting: int = 0,
    *,
    served: float = 0.0,
    waiting: float = 0.0,
) -> View:
    """A tick in which so many a second were served, while so many waited."""
    return View(
        now_s=now_s,
        ready=ready,
        starting_ready_in_s=(60.0,) * starting,
        arrived=np.full(SECONDS, served),
        served=np.full(SECONDS, served),
        waiting=np.full(SECONDS, waiting),
    )
