"""Autonomy is earned, and lost, by measured skill."""

import pytest

from scaler.trust import Trust, judge, settled
from tidegate.shared.values import Mode, Skill


def skill(worst: float, origins: int = 50) -> Skill:
    return Skill(origins, worst, worst + 0.1, 0.95)


def test_good_skill_climbs_one_step_a_tick() -> None:
    trust, modes = Trust(), []
    for _ in range(4):
        trust = judge(trust, skill(0.3))
        modes.append(trust.mode)
    assert modes == [Mode.FLOOR, Mode.FULL, Mode.FULL, Mode.FULL]


@pytest.mark.parametrize(
    ("mode", "worst", "after"),
    [
        (Mode.SHADOW, -0.01, Mode.SHADOW),
        (Mode.SHADOW, 0.01, Mode.FLOOR),
        (Mode.FLOOR, 0.04, Mode.FLOOR),
        (Mode.FLOOR, 0.06, Mode.FULL),
        (Mode.FLOOR, -0.09, Mode.FLOOR),
        (Mode.FLOOR, -0.11, Mode.SHADOW),
        (Mode.FULL, -0.01, Mode.FULL),
        (Mode.FULL, -0.03, Mode.FLOOR),
    ],
)
def test_rising_asks_for_more_than_staying(mode: Mode, worst: float, after: Mode) -> None:
    assert judge(Trust(mode), skill(worst)).mode is after


def test_a_mode_that_was_reached_is_kept_at_the_same_skill() -> None:
    for worst in (-0.2, -0.05, 0.0, 0.03, 0.06, 0.5):
        rest = settled(skill(worst))
        assert judge(rest, skill(worst)).mode is rest.mode


def test_skill_that_rests_on_few_forecasts_counts_for_nothing() -> None:
    assert judge(Trust(Mode.FULL), skill(0.9, origins=19)).mode is Mode.SHADOW


def test_a_missing_forecast_is_no_verdict() -> None:
    assert judge(Trust(Mode.FULL), None).mode is Mode.FULL


def test_the_worse_of_the_two_references_counts_and_the_reason_has_the_numbers() -> None:
    verdict = judge(Trust(), Skill(50, 0.8, -0.3, 0.95))
    assert verdict.mode is Mode.SHADOW
    assert "+0.80" in verdict.reason
    assert "-0.30" in verdict.reason
