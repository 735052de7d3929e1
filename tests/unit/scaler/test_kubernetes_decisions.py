"""From a plan to a step, who else writes, who leads, when to try again."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.kubernetes.candidate import Candidate
from scaler.kubernetes.conflict import FIRST_BACK_OFF_S, FORGET_S, Ownership, other_autoscaler, rival
from scaler.kubernetes.pods import Pod, PodPhase
from scaler.kubernetes.scaling import Step, backends_of, step
from scaler.kubernetes.wishes import Target, Wish
from scaler.readings import BackendReading
from tidegate.shared.kubernetes.back_off import LONGEST_S, BackOff
from tidegate.shared.values import Adjustment, BackendStatus, Mode, Plan, PlanInputs

INPUTS = PlanInputs(60.0, "given", 10.0, "given", 65.0, 10.0, 0.0)
HOLD = Adjustment("hold", 2, 2, "no reading of demand")


def plan(desired: int, asked: int, *adjustments: Adjustment) -> Plan:
    return Plan("p", 0.0, Mode.FULL, "", asked, asked, desired, INPUTS, (), adjustments)


def pods(**phases: PodPhase) -> list[Pod]:
    return [Pod(name, phase, created_at_s=float(at)) for at, (name, phase) in enumerate(phases.items())]


READY, COMING, STUCK, GOING = PodPhase.READY, PodPhase.COMING, PodPhase.STUCK, PodPhase.GOING


def test_more_are_asked_for_by_their_number() -> None:
    assert step(plan(5, 2), 2, pods(a=READY, b=READY), {}, retiring=False) == Step(5)


def test_stuck_pods_are_no_reason_to_ask_for_more() -> None:
    """The planner sees 1 of 3 and wants 3: the target asks for 3 already."""
    assert step(plan(3, 1), 3, pods(a=READY, b=STUCK, c=STUCK), {}, retiring=False) == Step()


def test_those_that_nobody_misses_go_first() -> None:
    there = pods(a=READY, b=READY, c=COMING, d=COMING, e=STUCK, f=GOING)
    busy = {"a": 3, "b": 1}
    order = [step(plan(count, 4), 5, there, busy, retiring=False).victims for count in (4, 3, 2, 1, 0)]
    assert order == [("e",), ("e", "d"), ("e", "d", "c"), ("e", "d", "c", "b"), ("e", "d", "c", "b", "a")]


def test_replicas_without_a_pod_go_without_a_victim() -> None:
    assert step(plan(2, 4), 4, pods(a=READY, b=READY), {}, retiring=False) == Step(2, ())


def test_a_plan_to_hold_lowers_nothing_but_may_raise_to_the_minimum() -> None:
    there = pods(a=READY, b=STUCK)
    assert step(plan(1, 1, HOLD), 2, there, {}, retiring=False) == Step()
    assert step(plan(3, 1, HOLD), 2, there, {}, retiring=False) == Step(3)


def test_a_drain_under_way_is_waited_for_or_given_up() -> None:
    there = pods(a=READY, b=READY, c=READY)
    assert step(plan(1, 2), 3, there, {}, retiring=True) == Step()
    assert step(plan(3, 2), 3, there, {}, retiring=True) == Step(give_up=True)
    assert step(plan(4, 2), 3, there, {}, retiring=True) == Step(4, give_up=True)


@given(st.integers(0, 9), st.integers(0, 9), st.lists(st.sampled_from(PodPhase), max_size=9))
def test_never_more_victims_than_the_plan_has_to_spare(desired: int, replicas: int, phases: list[PodPhase]) -> None:
    there = [Pod(f"p{at}", phase, float(at)) for at, phase in enumerate(phases)]
    done = step(plan(desired, replicas), replicas, there, {}, retiring=False)
    alive = sum(phase is not GOING for phase in phases)
    assert len(done.victims) <= max(0, alive - desired)
    assert len(set(done.victims)) == len(done.victims)


def test_a_pods_backend_is_found_by_name_or_by_address() -> None:
    there = [Pod("a", READY, 0.0, ip="10.0.0.1"), Pod("b", READY, 0.0, ip="10.0.0.2"), Pod("c", COMING, 0.0)]
    known = {
        "a": BackendReading("10.0.0.1:8011", "a", "p", BackendStatus.READY, 1),
        "10.0.0.2:8011": BackendReading("10.0.0.2:8011", "", "p", BackendStatus.READY, 2),
    }
    assert {name: one.outstanding for name, one in backends_of(there, known).items()} == {"a": 1, "b": 2}


def test_what_others_set_is_left_alone_longer_each_time_and_forgotten() -> None:
    owned = Ownership().saw(0.0, 3)
    assert owned.hands_off_until_s == 0.0
    owned = owned.wrote(4).saw(5.0, 4)
    assert owned.strikes == 0
    owned = owned.saw(10.0, 7)
    assert owned.hands_off_until_s == 10.0 + FIRST_BACK_OFF_S
    owned = owned.saw(15.0, 7)  # seen again, it is no news
    assert owned.hands_off_until_s == 10.0 + FIRST_BACK_OFF_S
    owned = owned.wrote(4).saw(100.0, 7)
    assert owned.hands_off_until_s == 100.0 + 2 * FIRST_BACK_OFF_S
    assert owned.saw(101.0 + FORGET_S, 7).strikes == 0


TARGET = Target("apps/v1", "Deployment", "digits")


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ({"apiVersion": "apps/v1", "kind": "Deployment", "name": "digits"}, "x"),
        ({"apiVersion": "apps/v1beta1", "kind": "Deployment", "name": "digits"}, "x"),
        ({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "digits"}, ""),
        ({"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}, ""),
    ],
)
def test_another_autoscaler_of_the_same_target(reference: dict[str, str], found: str) -> None:
    assert other_autoscaler(TARGET, [{"metadata": {"name": "x"}, "spec": {"scaleTargetRef": reference}}]) == found


def test_of_two_wishes_for_one_target_the_older_wins() -> None:
    old = Wish("old", "1", 10.0, 1, TARGET, None, 30.0)
    young = dataclasses.replace(old, name="a-young", created_at_s=20.0)
    elsewhere = dataclasses.replace(old, name="far", target=Target("apps/v1", "Deployment", "x"))
    everybody = [young, elsewhere, old]
    assert [rival(one, everybody) for one in everybody] == ["old", "", ""]


def test_each_object_waits_by_itself_and_ever_longer() -> None:
    back_off = BackOff()
    waits = [back_off.failed("a", 0.0) for _ in range(8)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_S, LONGEST_S]
    assert not back_off.due("a", 59.0)
    assert back_off.due("a", 60.0)
    assert back_off.due("b", 0.0)
    back_off.done("a")
    assert back_off.due("a", 0.0)


def test_a_lease_that_is_not_there_is_taken_and_then_renewed() -> None:
    me = Candidate("me", 12.0)
    first = me.claim({}, 0.0, "t0")
    assert first == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 12,
        "acquireTime": "t0",
        "renewTime": "t0",
        "leaseTransitions": 0,
    }
    assert not me.leads(0.0)  # not before it is written
    me.renewed(0.0)
    assert me.leads(7.9)
    assert not me.leads(8.0)
    assert me.claim(first, 2.0, "t2") == {**first, "renewTime": "t2"}


def test_anothers_lease_lapses_by_my_clock_only() -> None:
    me = Candidate("me", 12.0)
    theirs = {"holderIdentity": "they", "leaseDurationSeconds": 12, "renewTime": "long ago", "leaseTransitions": 3}
    assert me.claim(theirs, 100.0, "t") is None
    assert me.claim(theirs, 111.0, "t") is None
    renewed = {**theirs, "renewTime": "now"}
    assert me.claim(renewed, 111.5, "t") is None
    assert me.claim(renewed, 123.4, "t") is None
    taken = me.claim(renewed, 123.5, "t")
    assert taken is not None
    assert (taken["holderIdentity"], taken["leaseTransitions"]) == ("me", 4)


def test_a_lease_that_was_given_back_is_free_at_once() -> None:
    given_back = {"holderIdentity": "", "leaseDurationSeconds": 1, "leaseTransitions": 3}
    assert Candidate("me", 12.0).claim(given_back, 0.0, "t") is not None


def test_two_candidates_never_lead_at_once() -> None:
    """The one that can't renew any more stops acting before the other may begin."""
    one, two = Candidate("one", 12.0), Candidate("two", 12.0)
    lease = one.claim({}, 0.0, "t0")
    assert lease is not None
    one.renewed(0.0)
    for tenth in range(1, 300):
        now_s = tenth / 10
        claimed = two.claim(lease, now_s, f"t{tenth}")
        if claimed is not None:
            lease = claimed
            two.renewed(now_s)
        assert not (one.leads(now_s) and two.leads(now_s))
    assert two.leads(29.9)
