"""The fleet's budget: what must hold however pools want, and who gets what on cases worked by hand."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.budget import Claim, share, within
from scaler.decision import Proposal
from scaler.observation import Observation
from scaler.planner import Memory, plan
from scaler.settings import PoolSettings, ScalerSettings
from scaler.worth import worth
from tests.support.pools import level, observation, spec
from tidegate.shared.values import Adjustment, Mode


@st.composite
def claims(draw: st.DrawFn) -> list[Claim]:
    found = []
    for i in range(draw(st.integers(1, 5))):
        wanted = draw(st.integers(0, 8))
        worths = st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0, math.inf]), min_size=wanted, max_size=wanted)
        kept = draw(st.integers(0, wanted))
        priority = draw(st.sampled_from([0.5, 1.0, 3.0]))
        units = draw(st.integers(1, 4))
        found.append(Claim(f"pool-{i}", kept, wanted, units, priority, tuple(draw(worths))[kept:]))
    return found


def units(asked: list[Claim], replicas: dict[str, int]) -> int:
    return sum(one.units * replicas[one.pool] for one in asked)


def granted(asked: list[Claim], budget: int) -> dict[str, int]:
    return {name: one.replicas for name, one in share(asked, budget).grants.items()}


@given(claims(), st.integers(0, 60))
def test_never_over_the_budget_but_for_what_is_kept(asked: list[Claim], budget: int) -> None:
    kept = {one.pool: one.kept for one in asked}
    assert units(asked, granted(asked, budget)) <= max(budget, units(asked, kept))


@given(claims(), st.integers(0, 60))
def test_each_keeps_its_minimum_and_gets_no_more_than_it_wants(asked: list[Claim], budget: int) -> None:
    got = granted(asked, budget)
    assert all(one.kept <= got[one.pool] <= one.wanted for one in asked)


@given(claims())
def test_with_room_for_all_everybody_gets_what_it_wants(asked: list[Claim]) -> None:
    wanted = {one.pool: one.wanted for one in asked}
    assert granted(asked, units(asked, wanted)) == wanted


@given(claims(), st.integers(0, 60))
def test_nobody_starves_where_one_each_fits(asked: list[Claim], budget: int) -> None:
    first = {one.pool: max(one.kept, min(1, one.wanted)) for one in asked}
    if units(asked, first) <= budget:
        got = granted(asked, budget)
        assert all(got[name] >= count for name, count in first.items())


@given(claims(), st.integers(0, 60))
def test_nothing_that_would_fit_is_left_over(asked: list[Claim], budget: int) -> None:
    got = granted(asked, budget)
    short = [one for one in asked if got[one.pool] < one.wanted]
    assert all(units(asked, got) + one.units > budget for one in short)


@given(claims(), st.integers(0, 60), st.floats(1.0, 20.0))
def test_a_higher_priority_never_means_fewer(asked: list[Claim], budget: int, times: float) -> None:
    raised = [dataclasses.replace(asked[0], priority=times * asked[0].priority), *asked[1:]]
    assert granted(raised, budget)["pool-0"] >= granted(asked, budget)["pool-0"]


@given(claims(), st.integers(0, 60))
def test_the_order_in_which_pools_are_named_does_not_matter(asked: list[Claim], budget: int) -> None:
    assert granted(asked[::-1], budget) == granted(asked, budget)


def test_replicas_go_where_they_are_worth_most_per_unit() -> None:
    small = Claim("small", 1, 4, units=1, worth=(6.0, 5.0, 1.0))
    large = Claim("large", 1, 3, units=4, worth=(22.0, 12.0))  # 5.5 and 3 a unit
    shared = share([small, large], 11)
    assert {name: one.replicas for name, one in shared.grants.items()} == {"small": 3, "large": 2}
    assert shared.last == (5.0, "small")
    assert (shared.grants["small"].refused, shared.grants["large"].refused) == (1.0, 3.0)


def test_a_tie_is_shared_in_proportion_to_what_is_wanted() -> None:
    one, other = Claim("a", 0, 8, worth=(5.0,) * 8), Claim("b", 0, 4, worth=(5.0,) * 4)
    assert granted([one, other], 6) == {"a": 4, "b": 2}


def test_what_a_person_has_pinned_goes_before_what_is_forecast() -> None:
    pinned, busy = Claim("a", 1, 5, worth=(math.inf,) * 4), Claim("b", 1, 5, worth=(1e6,) * 4)
    assert granted([pinned, busy], 7) == {"a": 5, "b": 2}


def proposal(name: str, demand_rows_per_s: float, **changes: object) -> Proposal:
    """Six replicas of 10 rows/s are there; forecast and load are level."""
    pool = spec(**{"name": name, "mode": Mode.FULL, **changes})
    seen = observation(ready=6, demand_rows_per_s=demand_rows_per_s, forecast=level(demand_rows_per_s))
    return Proposal(pool, seen, plan(pool, seen, Memory())[0])


def test_three_models_share_what_is_there_by_what_their_users_lose() -> None:
    models = [
        proposal("chat", 50.0, units_per_replica=2),
        proposal("search", 50.0, priority=3.0),
        proposal("batch", 50.0, min_replicas=2),
    ]
    wanted = {one.spec.name: one.plan.desired for one in models}
    assert wanted == {"chat": 6, "search": 6, "batch": 6}
    plans = {one.pool: one for one in within(models, 13)}
    got = {name: one.desired for name, one in plans.items()}
    assert got == {"chat": 1, "search": 6, "batch": 5}, "two units a replica, a triple weight, and neither"
    said = plans["chat"].adjustments[-1]
    assert (said.name, said.before, said.after) == ("budget", wanted["chat"], plans["chat"].desired)
    assert "want 24 units, and the budget is 13; one more would save" in said.reason
    assert plans["search"].adjustments == models[1].plan.adjustments


def test_within_the_budget_and_without_one_plans_stay_as_they_are() -> None:
    models = [proposal("a", 20.0), proposal("b", 20.0)]
    for budget in (None, 40):
        assert within(models, budget) == [one.plan for one in models]


@pytest.mark.parametrize("why", ["paused", "hold", "pinned"])
def test_what_is_paused_held_or_pinned_is_not_taken_from(why: str) -> None:
    quiet = proposal("quiet", 0.0)
    assert quiet.plan.asked == 6
    plan_ = dataclasses.replace(quiet.plan, desired=6, adjustments=(Adjustment(why, 1, 6, "so"),))
    kept = dataclasses.replace(quiet, plan=plan_, paused="so" if why == "paused" else "")
    assert [one.desired for one in within([kept, proposal("busy", 80.0)], 8)] == [6, 2]


def test_a_pin_is_within_the_budget_with_data_or_without() -> None:
    blind = proposal("blind", 0.0)
    steps = (Adjustment("hold", 6, 6, "so"), Adjustment("pinned", 6, 12, "so"))
    pinned = dataclasses.replace(blind, plan=dataclasses.replace(blind.plan, desired=12, adjustments=steps))
    assert [one.desired for one in within([pinned, proposal("busy", 80.0)], 11)] == [10, 1]


@given(st.none() | st.floats(0.0, 200.0), st.integers(0, 3), st.integers(0, 12))
def test_each_replica_has_a_worth_and_none_is_negative(rows: float | None, kept: int, wanted: int) -> None:
    seen: Observation = observation(forecast=None if rows is None else level(rows), demand_rows_per_s=30.0)
    found = worth(spec(), seen, kept, wanted)
    assert len(found) == max(0, wanted - kept)
    assert all(one >= 0.0 for one in found)


def test_a_replica_that_carries_load_is_worth_more_than_one_that_does_not() -> None:
    found = worth(spec(), observation(ready=6, forecast=level(33.0)), 1, 6)
    assert found[0] == found[1] > found[3] > found[4]
    assert worth(spec(), observation(ready=6, forecast=None, demand_rows_per_s=33.0), 1, 6) == pytest.approx(found)


def test_minima_beyond_the_budget_are_refused() -> None:
    pools = (PoolSettings(name="a", models=("a",), min_replicas=2, units_per_replica=4),)
    with pytest.raises(ValueError, match=r"budget_units = 7 is less than the pools' minima, 8 units"):
        ScalerSettings(pools=pools, budget_units=7)
