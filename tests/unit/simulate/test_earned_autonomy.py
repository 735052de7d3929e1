"""Where forecasts are worth nothing, ours costs no more than reacting: trust is by what each would have cost."""

from collections.abc import Callable

import numpy as np
import pytest

from tidegate.shared.values import FloatArray, Mode
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.catalogue import DEFAULT_RISK, choices
from tidegate.simulate.generator import Tide, counts, rates
from tidegate.simulate.policies import Policy, Terms
from tidegate.simulate.predictive import PredictivePolicy
from tidegate.simulate.replay import replay
from tidegate.simulate.study import setting_of

TERMS = Terms(capacity_rps=10.0, startup_s=60.0, slo_wait_s=0.5, tick_s=15, min_replicas=1, max_replicas=100)
DAY_S = 3600
"""Days are short, and so are start-ups: 60 leads are in one."""
DAYS = 9
MARGIN = 1.03
Make = Callable[[np.random.Generator], FloatArray]


def tide(rng: np.random.Generator) -> FloatArray:
    """Mean requests/s, minute by minute."""
    return rates(Tide(20.0, 120.0, DAY_S), DAYS * DAY_S, 60.0, rng)


def shuffled(rng: np.random.Generator) -> FloatArray:
    """A tide whose quarters of an hour come in any order."""
    parts = tide(rng).reshape(-1, 15)
    return parts[rng.permutation(len(parts))].ravel()


def white(rng: np.random.Generator) -> FloatArray:
    """Every minute another level, whatever was before."""
    return 80.0 * np.exp(0.3 * rng.normal(size=DAYS * DAY_S // 60))


def noise(rng: np.random.Generator) -> FloatArray:
    """Every five minutes another level."""
    return np.repeat(80.0 * np.exp(0.4 * rng.normal(size=DAYS * DAY_S // 300)), 5)


def stepping(rng: np.random.Generator) -> FloatArray:
    """Levels that last a while, half or double the one before."""
    level, found = 80.0, []
    while len(found) < DAYS * DAY_S // 60:
        found += [level] * int(3 + rng.exponential(25.0))
        level = float(np.clip(level * rng.choice([0.5, 0.7, 1.4, 2.0]), 20.0, 200.0))
    return np.array(found[: DAYS * DAY_S // 60])


def collapsed(rng: np.random.Generator) -> FloatArray:
    """A tide that falls to a tenth, comes back, and doubles."""
    rate = tide(rng)
    rate[-55:-40] *= 0.1
    rate[-25:] *= 2.0
    return rate


def broken(rng: np.random.Generator) -> FloatArray:
    """A tide whose low water becomes its high water for the last two of the four days that are judged.

    That a season breaks is seen when it has cost something: no more than it had saved in as long before.
    """
    rate = tide(rng)
    rate[-120:] = np.roll(rate[-120:], 30)
    return rate


def level(rng: np.random.Generator) -> FloatArray:
    return np.full(DAYS * DAY_S // 60, 120.0) * (1.0 + 0.02 * rng.normal(size=DAYS * DAY_S // 60))


SEEDS: dict[Make, int] = {noise: 3}
"""Of pure luck one hour says little: which of two is dearer changes from one to the next by a third."""


def costs(make: Make, days: int, seed: int = 0) -> dict[str, float]:
    """Replica-seconds, and late requests at their price, at the end of the load."""
    rng = np.random.default_rng(seed)
    load = Arrivals(0.0, counts(np.repeat(make(rng), 60), 1.0, rng))
    setting = setting_of(load, load.end_s - days * DAY_S, TERMS)
    policies: dict[str, Policy] = {
        "predictive": PredictivePolicy(TERMS, setting.forecasts, DEFAULT_RISK),
        "shadow": PredictivePolicy(TERMS, setting.forecasts, DEFAULT_RISK, Mode.SHADOW),
        "hpa": choices("hpa")[0].make(setting),
    }
    runs = replay(policies, TERMS, setting.ahead, setting.history.counts[-TERMS.tick_s :], setting.history.end_s)
    return {run.policy: run.replica_seconds + DEFAULT_RISK * run.waits.late(TERMS.slo_wait_s) for run in runs}


@pytest.mark.parametrize(
    ("make", "days"), [(shuffled, 1), (white, 1), (noise, 1), (stepping, 1), (collapsed, 1), (broken, 4), (level, 1)]
)
def test_a_load_whose_season_is_none_or_breaks_costs_no_more_than_reacting(make: Make, days: int) -> None:
    """Neither than the HPA at its default nor than our own planner without any forecast."""
    several = [costs(make, days, seed) for seed in range(SEEDS.get(make, 1))]
    cost = {name: sum(one[name] for one in several) for name in several[0]}
    assert cost["predictive"] <= MARGIN * cost["shadow"], cost
    assert cost["predictive"] <= MARGIN * cost["hpa"], cost
    assert cost["shadow"] <= MARGIN * cost["hpa"], cost
