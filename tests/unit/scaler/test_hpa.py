"""The HPA by its documentation, on cases worked by hand."""

import pytest

from scaler.hpa import HpaMemory, HpaSpec, decide, proportional

BOUNDS = (1, 100)


@pytest.mark.parametrize(
    ("ready", "starting", "ratio", "replicas"),
    [
        (4, 0, 2.0, 8),  # the page's own example: twice the target, twice the replicas
        (4, 0, 0.5, 2),
        (3, 0, 1.5, 5),  # ceil(4.5)
        (10, 0, 1.1, 10),  # within the tolerance of 0.1
        (10, 0, 0.9, 10),
        (10, 0, 1.11, 12),
        (2, 2, 3.0, 6),  # those that start count as idle when scaling out: 1.5 on 4
        (2, 2, 1.5, 4),  # … which would turn it into scaling in: nothing is done
        (4, 2, 0.5, 2),  # and are left out when scaling in
        (0, 3, 9.0, 3),  # no ready replica, no metric
    ],
)
def test_desired_replicas(ready: int, starting: int, ratio: float, replicas: int) -> None:
    assert proportional(ready, starting, ratio) == replicas


def run(spec: HpaSpec, readings: list[tuple[float, int, float | None]]) -> list[int | None]:
    """Answers for (now, ready, utilisation), every replica being ready."""
    memory, answers = HpaMemory(), []
    for now_s, ready, utilization in readings:
        ratios = {} if utilization is None else {"utilisation": utilization / spec.target}
        answer, _, memory = decide(spec, memory, now_s, ready, 0, ratios, BOUNDS)
        answers.append(answer)
    return answers


def test_it_decides_when_its_sync_period_is_over_on_the_mean_since_the_last() -> None:
    readings: list[tuple[float, int, float | None]] = [
        (0, 4, 0.8),
        (5, 4, 1.6),
        (10, 4, 1.6),
        (15, 4, 1.6),
        (20, 8, 0.1),
    ]
    assert run(HpaSpec(), readings) == [4, 4, 4, 8, 8]


def test_it_decides_though_its_clock_was_set_back() -> None:
    assert run(HpaSpec(), [(7200.0, 4, 0.8), (3600.0, 4, 1.6)]) == [4, 8]


def test_it_scales_in_to_the_highest_of_the_last_five_minutes() -> None:
    spec = HpaSpec()
    minutes: list[tuple[float, int, float | None]] = [(60.0 * i, 8, 0.8 if i == 0 else 0.2) for i in range(7)]
    assert run(spec, minutes) == [8, 8, 8, 8, 8, 2, 2]


def test_a_fresh_hpa_does_not_scale_in_at_once() -> None:
    assert run(HpaSpec(), [(0, 8, 0.1)]) == [8]


def test_it_adds_four_or_doubles_in_one_policy_period() -> None:
    assert run(HpaSpec(), [(0, 1, 8.0)]) == [5]
    assert run(HpaSpec(), [(0, 6, 8.0)]) == [12]


def test_what_was_added_in_the_period_counts_against_the_limit() -> None:
    spec = HpaSpec(sync_period_s=5.0)
    assert run(spec, [(0, 6, 8.0), (5, 12, 8.0), (10, 12, 8.0), (21, 12, 8.0)]) == [12, 12, 12, 24]


def test_bounds_hold() -> None:
    answer, _, _ = decide(HpaSpec(), HpaMemory(), 0.0, 4, 0, {"utilisation": 8.0}, (1, 6))
    assert answer == 6


def test_no_metric_is_no_answer() -> None:
    assert run(HpaSpec(), [(0, 4, None), (15, 4, 0.8)]) == [None, 4]


def test_the_metric_that_asks_for_the_most_wins() -> None:
    ratios = {"utilisation": 1.25, "outstanding work": 3.0}
    answer, reason, _ = decide(HpaSpec(), HpaMemory(), 0.0, 2, 0, ratios, BOUNDS)
    assert answer == 6
    assert reason.startswith("outstanding work 3.00 times its target")
