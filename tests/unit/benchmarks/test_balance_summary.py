from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.balance.scenario import CAPACITY_RPS, DEADLINE_S, ROLES, phases, service_s
from benchmarks.balance.summary import NOBODY, Run, quantiles, shares, summarize
from tidegate.client.results import OK, LoadResult


def run(due_s: list[float], latency_s: list[float], status: list[str], replica: list[int], refused: int = 0) -> Run:
    load = LoadResult(np.array(due_s), np.array(latency_s), np.array(status, dtype=object), took_s=10.0)
    return Run(load, np.array(replica), refused)


def test_phases_follow_one_another_and_stretch_together() -> None:
    once, twice = phases(1.0), phases(2.0)
    assert [phase.name for phase in once] == ["steady", "joining", "failing", "mended", "draining"]
    assert once[0].start_s == 0.0
    assert all(left.end_s == right.start_s for left, right in pairwise(once))
    assert [phase.end_s for phase in twice] == [2 * phase.end_s for phase in once]


def test_whichever_replica_is_away_the_others_have_the_capacity_that_loads_are_a_share_of() -> None:
    rps = {role: 1 / service_s(role) for role in ROLES}
    assert all(sum(rps.values()) - rps[away] >= CAPACITY_RPS - 1e-9 for away in ROLES)


def test_quantiles_are_latencies_that_were_seen() -> None:
    assert quantiles(np.arange(1, 1001) / 1000) == {"p50_s": 0.5, "p99_s": 0.99, "p999_s": 0.999}
    assert quantiles(np.array([0.25])) == {"p50_s": 0.25, "p99_s": 0.25, "p999_s": 0.25}
    assert quantiles(np.array([])) == {"p50_s": None, "p99_s": None, "p999_s": None}


@given(st.lists(st.integers(NOBODY, len(ROLES) - 1)))
def test_shares_are_of_the_right_answers(replica: list[int]) -> None:
    answered = [number for number in replica if number != NOBODY]
    found = shares(np.array(replica, dtype=np.int64))
    assert sum(found.values()) == pytest.approx(1.0 if answered else 0.0, abs=1e-3)
    for number, role in enumerate(ROLES):
        assert found[role] == pytest.approx(answered.count(number) / max(1, len(answered)), abs=1e-4)


def test_a_request_belongs_to_the_phase_in_which_it_was_to_be_sent() -> None:
    plan = phases(1.0)
    end_s = plan[0].end_s
    row = summarize([run([0.1, end_s - 0.01, end_s], [0.01, 5.0, 0.02], [OK] * 3, [0, 1, 2])], plan)
    assert row["phases"]["steady"]["sent"] == 2
    assert row["phases"]["steady"]["p99_s"] == 5.0
    assert row["phases"]["joining"]["shares"] == {"slow": 0.0, "flaky": 0.0, "leaving": 1.0, "joining": 0.0}


def test_a_failure_counts_as_late_as_its_deadline_however_fast_it_failed() -> None:
    one = run([0.1, 0.2, 0.3], [0.010, 0.001, np.nan], [OK, "UNAVAILABLE", ""], [1, NOBODY, NOBODY], refused=7)
    row = summarize([one], phases(1.0))
    assert row["failed"] == {"": 1, "UNAVAILABLE": 1}
    assert row["p50_s"] == row["p99_s"] == DEADLINE_S
    assert row["answered_p99_s"] == 0.010
    assert row["phases"]["steady"]["failed"] == 2
    assert row["tries_refused_by_flaky"] == [7]
    assert row["timeline"][0] == {"at_s": 0.0, "p99_s": DEADLINE_S}
    assert row["timeline"][-1]["p99_s"] is None


def test_the_whole_run_is_the_median_of_its_rounds() -> None:
    rounds = [run([0.1], [latency_s], [OK], [0]) for latency_s in (0.030, 0.010, 0.500)]
    row = summarize(rounds, phases(1.0))
    assert row["p99_s"] == 0.030
    assert row["rounds_p99_s"] == [0.030, 0.010, 0.500]
    assert row["phases"]["steady"]["p99_s"] == 0.500  # all rounds together
