"""Policies in the simulated world: what they see, what they cost, and that they can't see ahead."""

import numpy as np
import pytest

from forecaster import model
from tests.support.tides import tide_rates
from tidegate.shared.values import DemandSeries, FloatArray
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.batching import batched
from tidegate.simulate.catalogue import POLICIES, Setting, choices
from tidegate.simulate.policies import Policy, Terms, View
from tidegate.simulate.predictive import Learner, model_step_s
from tidegate.simulate.replay import Run, replay
from tidegate.simulate.report import clairvoyant_replica_seconds, figures
from tidegate.simulate.study import study

TERMS = Terms(capacity_rps=10.0, startup_s=20.0, slo_wait_s=0.5, tick_s=5, min_replicas=1, max_replicas=40)
DAY_S = 240
RATES = tide_rates(13 * DAY_S, DAY_S, spike_at=150, spike_rps=150.0)
RATES += 100.0 * ((np.arange(len(RATES)) % DAY_S >= 150) & (np.arange(len(RATES)) % DAY_S < 170))
COUNTS: FloatArray = np.random.default_rng(0).poisson(RATES).astype(np.float64)
LEARNED = 11 * DAY_S
HISTORY = Arrivals(0.0, COUNTS[:LEARNED])


def run(policy: str, counts: FloatArray = COUNTS[LEARNED:]) -> Run:
    (choice,) = choices(policy)
    setting = Setting(TERMS, HISTORY, counts)
    return replay({policy: choice.make(setting)}, TERMS, counts, HISTORY.counts[-5:], HISTORY.end_s)[0]


def alone(policy: Policy, counts: FloatArray, before: FloatArray, start_s: float = 0.0) -> Run:
    return replay({"it": policy}, TERMS, counts, before, start_s)[0]


class Constant:
    def __init__(self, replicas: int) -> None:
        self.replicas = replicas
        self.views: list[View] = []

    def decide(self, view: View) -> int:
        self.views.append(view)
        return self.replicas


def test_an_hour_of_one_request_a_second_on_one_replica() -> None:
    done = alone(Constant(1), np.full(3600, 1.0), np.full(5, 1.0))
    told = figures(done, TERMS, clairvoyant_replica_seconds(done.arrived, TERMS))
    assert told["requests"] == 3600
    assert told["misses"] == 0
    assert told["replica_seconds"] == 3600
    assert told["replica_hours"] == 1
    assert told["cost_over_clairvoyant"] == 1
    assert (told["changes"], told["turns"]) == (0, 0)
    assert len(done.decisions) == 720
    assert done.decisions[0] == (0.0, 1)


def test_a_policy_sees_the_last_tick_and_the_queue() -> None:
    policy = Constant(2)
    alone(policy, np.array([30.0] * 5 + [0.0] * 5), np.array([9.0] * 5), 100.0)
    first, second = policy.views
    assert (first.now_s, first.arrived.tolist(), first.backlog, first.ready) == (100.0, [9.0] * 5, 0.0, 2)
    assert (second.arrived.tolist(), second.backlog, second.served_rps) == ([30.0] * 5, 50.0, 20.0)


def test_every_policy_begins_with_what_the_load_before_needs() -> None:
    policy = Constant(9)
    alone(policy, np.full(5, 50.0), np.full(5, 50.0))
    assert policy.views[0].ready == 7  # 50 / (0.8 · 10)


@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "clairvoyant"])
def test_decisions_do_not_change_when_the_future_is_cut_off(policy: str) -> None:
    whole = run(policy)
    cut = run(policy, COUNTS[LEARNED : LEARNED + 155])
    assert cut.decisions == whole.decisions[:31]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_run_twice_is_the_same(policy: str) -> None:
    one, other = run(policy), run(policy)
    assert one.decisions == other.decisions
    assert one.replica_seconds == other.replica_seconds


def test_policies_in_one_replay_do_what_they_do_alone() -> None:
    chosen = choices("predictive,predictive=20,hpa")
    counts = COUNTS[LEARNED : LEARNED + 155]
    setting = Setting(TERMS, HISTORY, counts)
    policies = {choice.label: choice.make(setting) for choice in chosen}
    together = replay(policies, TERMS, counts, HISTORY.counts[-5:], HISTORY.end_s)
    assert [one.decisions for one in together] == [run(choice.label, counts).decisions for choice in chosen]


def test_a_study_tells_plans_and_progress_and_runs_a_default_that_is_swept_once() -> None:
    told: list[tuple[str, float, list[str]]] = []
    progress: list[tuple[int, int]] = []
    load, from_s = Arrivals(0.0, COUNTS[:-3]), len(COUNTS) - 505.0  # the last tick is cut short
    done = study(
        load,
        from_s,
        TERMS,
        choices("hpa,predictive"),
        explain=lambda plan, rivals: told.append((plan.pool, plan.at_s, [one.policy for one in rivals])),
        progress=lambda at, of: progress.append((at, of)),
    )
    assert progress == [(100, 101), (101, 101)]
    assert told[0] == ("predictive", from_s, ["hpa"])
    assert len(told) == 101
    swept = study(load, from_s, TERMS, choices("hpa"), sweep=True)
    assert swept.figures["hpa"] == swept.figures["hpa=0.8"] == done.figures["hpa"]
    assert len(swept.runs) == 9


def test_predictive_is_there_before_a_recurring_spike_and_hpa_is_not() -> None:
    ours, rival = run("predictive"), run("hpa")
    late = [one.waits.late(TERMS.slo_wait_s) / one.waits.requests for one in (ours, rival)]
    assert late[0] < 0.5 * late[1]
    assert ours.replica_seconds < 1.5 * rival.replica_seconds
    spike = 150
    assert ours.ready[spike] > rival.ready[spike]


def test_without_anything_learned_predictive_still_serves() -> None:
    nothing = Arrivals(0.0, np.zeros(0))
    policy = choices("predictive")[0].make(Setting(TERMS, nothing, np.full(300, 30.0)))
    done = alone(policy, np.full(300, 30.0), np.zeros(0))
    assert done.decisions[-1][1] >= 3


def test_a_finished_step_is_learned_and_an_unfinished_one_waits() -> None:
    learner = Learner(Arrivals(0.0, np.full(107, 4.0)), np.full(60, 4.0), step_s=10.0, horizon_s=30.0)
    before = learner.ahead(107.0)
    assert learner.ahead(109.0) is before
    after = learner.ahead(110.0)
    assert before is not None
    assert after is not None
    assert (before.start_s, after.start_s) == (100.0, 110.0)


def test_members_asked_for_all_origins_at_once_say_what_they_say_one_by_one() -> None:
    fitted = model.fit(DemandSeries("t", 0.0, 1.0, COUNTS[:LEARNED]), horizon_s=30.0)
    quick = batched(fitted, COUNTS[LEARNED : LEARNED + 40])
    for at in range(LEARNED, LEARNED + 50, 10):  # past the last that it was made for, too
        one, other = fitted.forecast(30.0, paths=5), quick.forecast(30.0, paths=5)
        assert np.allclose(one.values_rps, other.values_rps, rtol=1e-6)
        assert np.allclose(one.paths_rps, other.paths_rps, rtol=1e-6)
        fitted, quick = fitted.update(COUNTS[at : at + 10]), quick.update(COUNTS[at : at + 10])


@pytest.mark.parametrize(("window_s", "tick_s", "step_s"), [(135.0, 15.0, 60.0), (25.0, 5.0, 10.0), (9.0, 1.0, 2.0)])
def test_the_grid_that_is_modelled(window_s: float, tick_s: float, step_s: float) -> None:
    assert model_step_s(window_s, tick_s) == step_s
