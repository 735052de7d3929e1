"""Where forecasts are worth nothing, ours costs no more than reacting: trust is by what each would have cost."""

from collections.abc import Callable

import numpy as np
import pytest

from tidegate.shared.values import FloatArray
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.catalogue import DEFAULT_RISK, choices
from tidegate.simulate.generator import Tide, counts, rates
from tidegate.simulate.policies import Terms
from tidegate.simulate.study import study

TERMS = Terms(capacity_rps=10.0, startup_s=60.0, slo_wait_s=0.5, tick_s=15, min_replicas=1, max_replicas=100)
DAY_S = 3600
DAYS = 9


def tide(rng: np.random.Generator) -> FloatArray:
    return rates(Tide(20.0, 120.0, DAY_S), DAYS * DAY_S, 60.0, rng)


def shuffled(rng: np.random.Generator) -> FloatArray:
    """A tide whose quarters of an hour come in any order."""
    parts = tide(rng).reshape(-1, 15)
    return parts[rng.permutation(len(parts))].ravel()


def noise(rng: np.random.Generator) -> FloatArray:
    """Every five minutes another level, whatever was before."""
    return np.repeat(80.0 * np.exp(0.4 * rng.normal(size=DAYS * DAY_S // 300)), 5)


def collapsed(rng: np.random.Generator) -> FloatArray:
    """A tide that falls to a tenth, comes back, and doubles."""
    rate = tide(rng)
    rate[-55:-40] *= 0.1
    rate[-25:] *= 2.0
    return rate


@pytest.mark.parametrize("make", [shuffled, noise, collapsed])
def test_a_trace_without_a_season_costs_no_more_than_reacting(
    make: Callable[[np.random.Generator], FloatArray],
) -> None:
    rng = np.random.default_rng(0)
    load = Arrivals(0.0, counts(np.repeat(make(rng), 60), 1.0, rng))
    done = study(load, load.end_s - DAY_S, TERMS, choices("predictive,hpa"))
    ours, reactive = (
        done.figures[name]["replica_seconds"] + DEFAULT_RISK * done.figures[name]["misses"]
        for name in ("predictive", "hpa")
    )

    assert ours <= 1.02 * reactive
