"""The HPA's `behavior`, on the examples of its page and on cases worked by hand."""

import pytest

from scaler.hpa import HpaMemory, HpaSpec, decide, proportional
from scaler.hpa_behavior import Behavior, ScalingPolicy, limited, scale_up_default, stabilized

UP = scale_up_default()
FOUR_OR_TENTH = Behavior(0.0, (ScalingPolicy("pods", 4, 60.0), ScalingPolicy("percent", 10, 60.0)))


def falling(down: Behavior, asked: int, minutes: int) -> list[int]:
    """A scale-in to 10 with one decision a minute."""
    steps = []
    for minute in range(minutes):
        asked = limited(10, asked, 60.0 * minute, (), UP, down)
        steps.append(asked)
    return steps


def test_the_pages_example_of_two_policies() -> None:
    """From 80: 8 go, then 10 % of 72 is 7.2, rounded up to 8; from 40 on, 4 at a time."""
    assert falling(FOUR_OR_TENTH, 80, 3) == [72, 64, 57]
    assert falling(FOUR_OR_TENTH, 40, 3) == [36, 32, 28]


def test_select_min_takes_the_smaller_change() -> None:
    """The page's "no more than 5 pods a minute": 10 % of 80 would be 8."""
    down = Behavior(0.0, (ScalingPolicy("percent", 10, 60.0), ScalingPolicy("pods", 5, 60.0)), "min")
    assert falling(down, 80, 2) == [75, 70]


def test_select_disabled_never_scales_in() -> None:
    assert falling(Behavior(0.0, FOUR_OR_TENTH.policies, "disabled"), 80, 2) == [80, 80]


def test_what_went_in_the_period_counts() -> None:
    """80 a minute ago, 74 now: of 8 that may go in the minute, 6 have gone."""
    assert limited(10, 74, 60.0, ((30.0, -6),), UP, FOUR_OR_TENTH) == 72


def test_scale_up_takes_the_lowest_of_its_window_and_scale_down_the_highest_of_its() -> None:
    up, down = Behavior(60.0, UP.policies), Behavior(300.0)
    wishes = ((0.0, 30), (90.0, 20), (100.0, 25))
    assert stabilized(10, 100.0, wishes, up, down) == 20
    assert stabilized(40, 100.0, wishes, up, down) == 30
    assert stabilized(22, 100.0, wishes, up, down) == 22


@pytest.mark.parametrize(
    ("ready", "starting", "missing", "ratio", "replicas"),
    [
        (4, 0, 1, 0.5, 3),  # three at half, one taken to be at the target: 2.5 replicas' worth
        (4, 0, 1, 2.0, 6),  # three at twice, one taken to be idle: 6
        (4, 2, 1, 2.0, 6),  # and two that start: 6 over 6 is within the tolerance, so all six stay
        (4, 0, 3, 1.5, 4),  # 1.5 over 4 would turn the direction: nothing is done
        (4, 0, 4, 9.0, 4),  # no reading at all
    ],
)
def test_replicas_without_a_reading_damp_the_change(
    ready: int, starting: int, missing: int, ratio: float, replicas: int
) -> None:
    assert proportional(ready, starting, ratio, missing=missing) == replicas


def test_a_metric_that_cannot_be_read_stops_scaling_in_but_not_out() -> None:
    def answer(ratio: float) -> int | None:
        ratios = {"utilisation": ratio, "queue": None}
        return decide(HpaSpec(), HpaMemory(), 0.0, 4, 0, ratios, (1, 100))[0]

    assert answer(0.5) is None
    assert answer(1.5) == 6
