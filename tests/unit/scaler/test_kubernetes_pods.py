"""Pods as the API gives them, read as capacity."""

from typing import Any

import pytest

from scaler.kubernetes.pods import Pod, PodPhase, pod, quantiles_s, stuck_words
from scaler.kubernetes.view import CREATED_WITHIN_S, PodBook

CREATED, SCHEDULED, STARTED, READY = (f"2026-03-01T12:00:{second:02}Z" for second in (0, 3, 40, 55))


def thing(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "creationTimestamp": CREATED}, "status": status}


def condition(kind: str, since: str, truth: str = "True", **more: str) -> dict[str, str]:
    return {"type": kind, "status": truth, "lastTransitionTime": since, **more}


def container(state: dict[str, Any], restarts: int = 0) -> dict[str, Any]:
    return {"name": "c", "state": state, "restartCount": restarts}


READY_POD = thing(
    phase="Running",
    conditions=[condition("PodScheduled", SCHEDULED), condition("Ready", READY)],
    containerStatuses=[container({"running": {"startedAt": STARTED}})],
)


def test_a_start_and_its_parts() -> None:
    one = pod(READY_POD)
    assert (one.phase, one.lead_s) == (PodPhase.READY, 55.0)
    assert one.stages_s == {"scheduling": 3.0, "starting": 37.0, "warming": 15.0}


def test_a_restarted_container_says_nothing_of_the_first_start() -> None:
    one = pod({**READY_POD, "status": {**READY_POD["status"], "containerStatuses": [container({}, restarts=1)]}})
    assert (one.phase, one.lead_s, one.stages_s) == (PodPhase.READY, None, {})


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (
            {"conditions": [condition("PodScheduled", SCHEDULED, "False", reason="Unschedulable", message="no GPU")]},
            "Unschedulable: no GPU",
        ),
        ({"containerStatuses": [container({"waiting": {"reason": "CrashLoopBackOff"}})]}, "CrashLoopBackOff"),
        (
            {"initContainerStatuses": [container({"waiting": {"reason": "ErrImagePull", "message": "no such"}})]},
            "ErrImagePull: no such",
        ),
    ],
)
def test_pods_that_never_come_as_they_stand(status: dict[str, Any], why: str) -> None:
    assert (pod(thing(**status)).phase, pod(thing(**status)).why) == (PodPhase.STUCK, why)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"conditions": [condition("PodScheduled", SCHEDULED)]},
        {"containerStatuses": [container({"waiting": {"reason": "ContainerCreating"}})]},
        {"conditions": [condition("Ready", READY, "False")]},
    ],
)
def test_pods_on_their_way(status: dict[str, Any]) -> None:
    assert pod(thing(**status)).phase is PodPhase.COMING


def test_pods_that_go() -> None:
    leaving = {**READY_POD, "metadata": {**READY_POD["metadata"], "deletionTimestamp": READY}}
    assert pod(leaving).phase is PodPhase.GOING
    assert pod(thing(phase="Failed")).phase is PodPhase.GOING


def test_quantiles_are_values_that_were_seen() -> None:
    assert quantiles_s([4.0, 1.0, 3.0, 2.0], [0.5, 0.95]) == [2.0, 4.0]
    assert quantiles_s([7.0], [0.5]) == [7.0]


def test_what_keeps_pods_from_coming_is_counted() -> None:
    pods = [Pod(name, PodPhase.STUCK, 0.0, why=why) for name, why in (("a", "x"), ("b", "y"), ("c", "x"))]
    assert stuck_words([*pods, Pod("d", PodPhase.COMING, 0.0)]) == "2 × x; 1 × y"


def one(name: str, phase: PodPhase, created_at_s: float = 0.0, ready_at_s: float | None = None) -> Pod:
    return Pod(name, phase, created_at_s, ready_at_s=ready_at_s)


def test_replicas_without_a_pod_are_on_their_way_but_not_for_ever() -> None:
    book = PodBook()
    pods = [one("a", PodPhase.READY)]
    assert book.observe(100.0, 1, pods, set()).starting == 0
    assert book.observe(110.0, 3, pods, set()).starting_asked_at_s == (110.0, 110.0)
    assert book.observe(110.0 + CREATED_WITHIN_S, 3, pods, set()).starting == 2
    assert book.observe(110.1 + CREATED_WITHIN_S, 3, pods, set()).starting == 0


def test_stuck_and_retiring_pods_are_no_capacity() -> None:
    pods = [one("a", PodPhase.READY), one("b", PodPhase.READY), one("c", PodPhase.STUCK), one("d", PodPhase.GOING)]
    view = PodBook().observe(1000.0, 3, pods, {"b"})
    assert (view.ready, view.starting, view.stopping, view.failed_starts) == (1, 0, 1, 1)


def test_only_starts_that_were_watched_are_measured_and_once() -> None:
    book = PodBook()
    ready = one("a", PodPhase.READY, 0.0, 30.0)
    assert book.observe(50.0, 1, [ready], set()).leads_s == ()
    book.observe(60.0, 2, [ready, one("b", PodPhase.COMING, 55.0)], set())
    pods = [ready, one("b", PodPhase.READY, 55.0, 75.0)]
    assert book.observe(80.0, 2, pods, set()).leads_s == (20.0,)
    assert book.observe(90.0, 2, pods, set()).leads_s == ()


def test_starts_are_told_apart_by_the_node_pool_they_were_on() -> None:
    book = PodBook()
    coming = [Pod(name, PodPhase.COMING, 10.0, node=node) for name, node in (("a", "n1"), ("b", "n2"))]
    book.observe(10.0, 2, coming, set())
    ready = [
        Pod("a", PodPhase.READY, 10.0, 11.0, 12.0, 30.0, node="n1"),
        Pod("b", PodPhase.READY, 10.0, ready_at_s=70.0, node="n2"),
    ]
    view = book.observe(80.0, 2, ready, set(), lambda node: {"n1": "gpu"}.get(node, ""))
    assert [(one.node_pool, one.lead_s) for one in view.starts] == [("gpu", 20.0), ("", 60.0)]
    assert view.starts[0].stages_s == (("scheduling", 1.0), ("starting", 1.0), ("warming", 18.0))
    assert {name: list(leads) for name, leads in book.leads_s.items()} == {"gpu": [20.0], "": [60.0]}
