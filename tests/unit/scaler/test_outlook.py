"""What the next hour is going to ask for."""

import numpy as np
import pytest

from scaler.outlook import AHEAD_S, SLOT_S, hour_ahead, outlook
from tests.support.pools import GOOD, forecast, observation, spec
from tidegate.shared.values import Forecast

MINUTES = int(AHEAD_S / 60)


def test_a_spike_in_half_an_hour_is_one_slot_of_more_replicas() -> None:
    paths = np.full((4, MINUTES), 10.0)
    paths[:, 32] = 80.0  # in the slot from 30 to 35 minutes
    slots = outlook(spec(), observation(now_s=600.0, ready=2), forecast(paths, step_s=60.0))
    assert [slot.at_s for slot in slots] == [600.0 + SLOT_S * number for number in range(12)]
    (most,) = {slot.replicas for slot in slots[6:7]}
    assert most >= 9
    assert {slot.replicas for slot in (*slots[:6], *slots[7:])} == {2}
    assert (slots[6].peak_p50_rows_per_s, slots[0].peak_p95_rows_per_s) == (80.0, 10.0)


def test_what_is_there_now_and_what_waits_now_says_nothing_of_later() -> None:
    ahead = forecast(np.full((4, MINUTES), 30.0), step_s=60.0)
    busy = observation(ready=9, starting_ready_in_s=(5.0, 9.0), outstanding_rows=500.0)
    assert outlook(spec(), busy, ahead) == outlook(spec(), observation(ready=0, outstanding_rows=0.0), ahead)


@pytest.mark.parametrize(("rate", "replicas"), [(0.0, 3), (10_000.0, 5)])
def test_the_pools_bounds_hold(rate: float, replicas: int) -> None:
    ahead = forecast(np.full((4, MINUTES), rate), step_s=60.0)
    slots = outlook(spec(min_replicas=3, max_replicas=5), observation(), ahead)
    assert {slot.replicas for slot in slots} == {replicas}


def test_an_hour_of_several_models_is_their_work_together() -> None:
    path = np.full(360, 4.0)
    known = {
        model: Forecast(model, 0.0, 0.0, 10.0, (0.5,), path[None], 600.0, path[:1], np.tile(path, (8, 1)), GOOD, 1e6)
        for model in ("a", "b")
    }
    ahead = hour_ahead(known, {"a": 1.0, "b": 2.0}, {}, 0.0)
    assert ahead is not None
    assert ahead.paths_rows_per_s.shape == (8, MINUTES)
    assert ahead.paths_rows_per_s == pytest.approx(np.full((8, MINUTES), 12.0))
    assert hour_ahead({}, {}, {}, 0.0) is None
