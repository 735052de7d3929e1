"""What people decide over the planner's head."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler import overrides
from scaler.overrides import AuditEntry, Kind, Override
from scaler.planner import Memory, plan
from tests.support.pools import level, observation, spec
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import Mode, Plan

NOON_S = 1_772_366_400.0  # 2026-03-01T12:00:00Z
ANN = "ann@desk"


def override(kind: Kind, value: str, for_s: float = 3600.0) -> Override:
    return Override(kind, value, "launch", ANN, NOON_S, NOON_S + for_s)


def decided(**changes: object) -> Plan:
    return plan(spec(mode=Mode.FULL), observation(forecast=level(30.0), **changes), Memory())[0]


@given(st.integers(0, 40))
def test_a_pin_stands_in_the_plan_within_the_bounds_of_the_pool(replicas: int) -> None:
    after = overrides.pinned(decided(), override(Kind.PIN, str(replicas)), spec(min_replicas=2, max_replicas=9))
    assert after.desired == min(max(replicas, 2), 9)
    assert (after.adjustments[-1].name, after.adjustments[-1].after) == ("pinned", after.desired)
    assert "by ann@desk until 2026-03-01T13:00:00Z: launch" in after.adjustments[-1].reason
    assert (f"instead of {replicas}" in after.adjustments[-1].reason) == (not 2 <= replicas <= 9)


def test_a_pin_holds_without_data_too() -> None:
    blind = decided(demand_rows_per_s=None, outstanding_rows=None)
    assert overrides.pinned(blind, override(Kind.PIN, "7"), spec()).desired == 7


def test_a_pause_keeps_what_is_asked_for_and_shows_what_was_planned() -> None:
    before = decided(ready=2)
    after = overrides.paused(before, "paused by ann")
    assert (before.desired, after.desired) == (5, 2)
    assert [(one.name, one.before, one.after) for one in after.adjustments][-1] == ("paused", 5, 2)
    assert overrides.paused(before, "") is before


@pytest.mark.parametrize(("value", "mode"), [("full", Mode.FULL), ("shadow", Mode.SHADOW), ("auto", None)])
def test_a_mode_that_is_set_says_by_whom(value: str, mode: Mode | None) -> None:
    changed = overrides.with_mode(spec(mode=Mode.FLOOR), override(Kind.MODE, value))
    assert changed.mode is mode
    assert changed.mode_reason == "set by ann@desk until 2026-03-01T13:00:00Z: launch"
    assert overrides.with_mode(spec(), None) == spec()


def test_an_override_counts_until_its_time_is_up_or_it_is_taken_back() -> None:
    pin, back = override(Kind.PIN, "5"), override(Kind.PAUSE, "")
    assert overrides.in_force([pin, back], NOON_S + 3599) == {Kind.PIN: pin}
    assert overrides.in_force([pin, back], NOON_S + 3600) == {}


def test_the_audit_trail_tells_of_what_is_new_and_of_what_is_over_once() -> None:
    pin = override(Kind.PIN, "5")
    set_by_ann = AuditEntry(NOON_S, "p", ANN, "pin 5", "launch", NOON_S + 3600)
    assert overrides.noticed("p", [], [pin], NOON_S - 5, NOON_S) == [set_by_ann]
    assert overrides.noticed("p", [pin], [pin], NOON_S, NOON_S + 5) == []
    over = [AuditEntry(NOON_S + 3600, "p", "tidegate", "pin 5 over", "its time was up")]
    assert overrides.noticed("p", [pin], [pin], NOON_S + 3598, NOON_S + 3603) == over
    assert overrides.noticed("p", [pin], [pin], NOON_S + 3603, NOON_S + 3608) == []
    back = overrides.checked("pin", "", "", "bob@desk", 0.0, NOON_S + 60, (1, 9))
    assert [(one.who, one.what) for one in overrides.noticed("p", [pin], [back], NOON_S, NOON_S + 60)] == [
        ("bob@desk", "pin taken back")
    ]


def test_what_makes_sense_becomes_an_override() -> None:
    assert overrides.checked("pin", "9", " x ", ANN, 60.0, NOON_S, (1, 9)) == Override(
        Kind.PIN, "9", "x", ANN, NOON_S, NOON_S + 60
    )
    assert overrides.checked("pause", "yes", "x", ANN, 60.0, NOON_S, (1, 9)).value == "on"


@pytest.mark.parametrize(
    ("kind", "value", "reason", "by", "for_s", "said"),
    [
        ("stop", "1", "x", ANN, 60.0, "no override is called 'stop'; there are: pin, pause, mode"),
        ("pin", "12", "x", ANN, 60.0, "a pin to 12: the pool may have 1 to 9 replicas"),
        ("pin", "-1", "x", ANN, 60.0, "a pin to -1"),
        ("pin", "5", " ", ANN, 60.0, "needs a reason"),
        ("pin", "5", "x", "", 60.0, "user@host"),
        ("pin", "5", "a\x1b[2Jb", ANN, 60.0, "one printable line"),
        ("pin", "5", "x" * 301, ANN, 60.0, "300 characters at most"),
        ("pin", "5", "x", ANN, 0.0, "it must end"),
        ("pause", "on", "x", ANN, 1e9, "a year at most"),
        ("mode", "turbo", "x", ANN, 60.0, "no mode is called 'turbo'; there are: shadow, floor, full, hpa, auto"),
    ],
)
def test_what_makes_none_is_refused(kind: str, value: str, reason: str, by: str, for_s: float, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        overrides.checked(kind, value, reason, by, for_s, NOON_S, (1, 9))
