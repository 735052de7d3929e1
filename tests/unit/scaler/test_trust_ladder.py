"""Autonomy is earned, and lost: by what it would have cost, and until that is known by measured skill."""

import dataclasses
import math
from collections.abc import Mapping

import pytest

from scaler.counterfactual import HEADROOMS, KINDS, LATELY_LEADS, RELAXED, Worlds, lived
from scaler.imagined import begin
from scaler.trust import LADDER, Trust, judge, wished
from tests.support.pools import observation, spec
from tidegate.shared.values import Mode, Skill

LEAD_S, PRICE = 60.0, 2.0
NOTHING = (0.0,) * len(KINDS)
UNKNOWN = lived(Worlds(), spec(), observation())


def skill(worst: float, origins: int = 50) -> Skill:
    return Skill(origins, worst, worst + 0.1, 0.95)


def worlds_of(paid: Mapping[Mode, float], late_rows: Mapping[float, float], seconds: float = 86_400.0) -> Worlds:
    """Each mode costs its replica-seconds and the headroom; in full so many were late at each headroom.

    In shadow nobody was but where something was taken off, and there all.
    """
    late = {(Mode.FULL, share): late_rows.get(share, 0.0) for share in HEADROOMS}
    late |= {(Mode.SHADOW, share): 1e6 for share in RELAXED}
    pools = dataclasses.replace(
        begin(1, len(KINDS), 0.0),
        replica_s=tuple((1 + kind.headroom) * paid[kind.mode] for kind in KINDS),
        late_rows=tuple(late.get((kind.mode, kind.headroom), 0.0) for kind in KINDS),
    )
    return Worlds(KINDS, pools, seconds, lately_s=NOTHING)


def level(leads: float, at: float = -0.2) -> Worlds:
    """A load under which nobody was late with so much taken off, or less."""
    pools = dataclasses.replace(
        begin(1, len(KINDS), 0.0),
        replica_s=tuple((1 + kind.headroom) * 1000.0 for kind in KINDS),
        late_rows=tuple(1e6 if kind.headroom < at else 0.0 for kind in KINDS),
    )
    return Worlds(KINDS, pools, leads * LEAD_S, lately_s=NOTHING)


def costs(shadow: float, floor: float, full: float, seconds: float = 86_400.0) -> Worlds:
    """Worlds that cost so many replica-seconds, nobody late."""
    paid = dict(zip(LADDER, (shadow, floor, full), strict=True))
    return worlds_of(paid, dict.fromkeys(HEADROOMS, 0.0), seconds)


def test_good_skill_climbs_one_step_a_tick() -> None:
    trust, modes = Trust(), []
    for _ in range(4):
        trust = judge(trust, skill(0.3), UNKNOWN, LEAD_S, PRICE)
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
def test_rising_asks_for_more_skill_than_staying(mode: Mode, worst: float, after: Mode) -> None:
    assert judge(Trust(mode), skill(worst), UNKNOWN, LEAD_S, PRICE).mode is after


def test_skill_that_rests_on_few_forecasts_counts_for_nothing() -> None:
    assert judge(Trust(Mode.FULL), skill(0.9, origins=19), UNKNOWN, LEAD_S, PRICE).mode is Mode.SHADOW


def test_a_missing_forecast_is_no_verdict() -> None:
    assert judge(Trust(Mode.FULL), None, costs(1.0, 9.0, 9.0), LEAD_S, PRICE).mode is Mode.FULL


def test_the_worse_of_the_two_references_counts_and_the_reason_has_the_numbers() -> None:
    verdict = judge(Trust(), Skill(50, 0.8, -0.3, 0.95), UNKNOWN, LEAD_S, PRICE)
    assert verdict.mode is Mode.SHADOW
    assert "+0.80" in verdict.reason
    assert "-0.30" in verdict.reason


@pytest.mark.parametrize(
    ("mode", "worlds", "after"),
    [
        (Mode.SHADOW, costs(1000.0, 1100.0, 900.0), Mode.FLOOR),  # on the way to full
        (Mode.FLOOR, costs(1000.0, 1100.0, 900.0), Mode.FULL),
        (Mode.FULL, costs(1000.0, 950.0, 1100.0), Mode.FLOOR),
        (Mode.FLOOR, costs(1000.0, 1100.0, 1200.0), Mode.SHADOW),
        (Mode.FLOOR, costs(1000.0, 1000.0, 985.0), Mode.FLOOR),  # too little to change for
        (Mode.FULL, costs(985.0, 1000.0, 1000.0), Mode.FULL),
    ],
)
def test_the_cheapest_mode_is_gone_to_step_by_step_where_it_saves_enough(
    mode: Mode, worlds: Worlds, after: Mode
) -> None:
    assert judge(Trust(mode), skill(-0.5), worlds, LEAD_S, PRICE).mode is after


def test_what_it_would_have_cost_decides_once_enough_time_was_seen() -> None:
    good = costs(1000.0, 900.0, 800.0, seconds=19 * LEAD_S)
    assert judge(Trust(), skill(-0.5), good, LEAD_S, PRICE).mode is Mode.SHADOW
    seen = costs(1000.0, 900.0, 800.0, seconds=20 * LEAD_S)
    verdict = judge(Trust(), skill(-0.5), seen, LEAD_S, PRICE)
    assert verdict.mode is Mode.FLOOR
    assert "full +13.3%" in verdict.reason  # of the 30 leads that count, ten are presumed


def late(rows: Mapping[float, float]) -> Worlds:
    """All cost 1000 replica-seconds and the headroom; full has that many late rows at each headroom."""
    return worlds_of(dict.fromkeys(LADDER, 1000.0), rows)


def test_late_requests_weigh_by_their_price() -> None:
    worlds = late(dict.fromkeys(HEADROOMS, 40.0))
    assert judge(Trust(Mode.FULL), skill(0.5), worlds, LEAD_S, 0.4).mode is Mode.FULL
    assert judge(Trust(Mode.FULL), skill(0.5), worlds, LEAD_S, 1.0).mode is Mode.FLOOR


def test_the_headroom_is_the_one_that_would_have_cost_the_least() -> None:
    worlds = late({0.0: 60.0, 0.05: 10.0, 0.1: 5.0, 0.2: 0.0, 0.35: 0.0})
    assert judge(Trust(Mode.FULL), skill(0.5), worlds, LEAD_S, 0.1).headroom == 0.0
    assert wished(Trust(), Mode.FULL, "set", worlds, LEAD_S, 2.0).headroom == 0.05
    assert wished(Trust(), Mode.FULL, "set", worlds, LEAD_S, 50.0).headroom == 0.2
    assert wished(Trust(), Mode.FULL, "set", UNKNOWN, LEAD_S, 50.0).headroom == 0.0
    assert wished(Trust(), Mode.HPA, "set", worlds, LEAD_S, 50.0).headroom == 0.0


@pytest.mark.parametrize(
    ("leads", "price", "headroom"),
    [
        (0.0, 3.0, 0.0),
        (20.0, 3.0, -0.05),
        (200.0, 3.0, -0.1),
        (1000.0, 3.0, -0.15),
        (3.0, 0.3, -0.1),
        (200.0, 100.0, 0.0),
    ],
)
def test_the_longer_nobody_is_late_and_the_cheaper_a_miss_the_more_is_taken_off_in_shadow(
    leads: float, price: float, headroom: float
) -> None:
    assert judge(Trust(), skill(-0.5), level(leads), LEAD_S, price).headroom == headroom
    assert wished(Trust(), Mode.SHADOW, "set", level(leads), LEAD_S, price).headroom == headroom


def test_no_more_is_taken_off_than_would_have_been_safe() -> None:
    assert judge(Trust(), skill(-0.5), level(1000.0, at=-0.1), LEAD_S, PRICE).headroom == -0.1
    assert judge(Trust(), skill(-0.5), level(1000.0, at=0.0), LEAD_S, PRICE).headroom == 0.0


def test_where_misses_ate_up_most_of_it_the_load_is_not_level_and_nothing_is_taken_off() -> None:
    """A tenth less would have saved a tenth, less 20 or 30 late rows at a price of 2, of 1000 replica-seconds."""
    for late_rows, headroom in ((20.0, -0.1), (30.0, 0.0)):
        worlds = level(1000.0, at=-0.1)
        late = tuple(
            late_rows if kind[:2] == (Mode.SHADOW, -0.1) else 1e6 if kind.headroom else 0.0 for kind in worlds.kinds
        )
        worlds = dataclasses.replace(worlds, pools=dataclasses.replace(worlds.pools, late_rows=late))
        assert wished(Trust(), Mode.SHADOW, "set", worlds, LEAD_S, PRICE).headroom == headroom


def test_headroom_waits_for_evidence() -> None:
    """That some were late in the first hour is no reason to add any yet: that may be how the load began."""
    late_rows = {0.0: 60.0, 0.05: 10.0, 0.1: 5.0, 0.2: 0.0, 0.35: 0.0}
    few, enough = (worlds_of(dict.fromkeys(LADDER, 1000.0), late_rows, leads * LEAD_S) for leads in (19.0, 20.0))
    assert wished(Trust(), Mode.FULL, "set", few, LEAD_S, 50.0).headroom == 0.0
    assert wished(Trust(), Mode.FULL, "set", enough, LEAD_S, 50.0).headroom == 0.2


@pytest.mark.parametrize(("more", "after"), [(0.35, Mode.FULL), (0.45, Mode.FLOOR)])
def test_what_lately_cost_far_more_is_left_whatever_it_saved_before(more: float, after: Mode) -> None:
    """Full saves a fifth in the long run; shadow has two replicas on average."""
    before = costs(172_800.0, 172_800.0, 138_240.0)
    usual_s = 2.0 * LATELY_LEADS * LEAD_S / math.log(2.0)
    lately_s = tuple(more * usual_s if kind.mode is Mode.FULL else 0.0 for kind in KINDS)
    worlds = dataclasses.replace(before, lately_s=lately_s, at_s=0.0)
    trust = judge(Trust(Mode.FULL), skill(0.5), worlds, LEAD_S, PRICE)
    assert trust.mode is Mode.FULL  # it may be a spike's replicas that start
    verdict = judge(trust, skill(0.5), dataclasses.replace(worlds, at_s=LEAD_S), LEAD_S, PRICE)
    assert verdict.mode is after
    assert ("lately full cost 45% more than shadow" in verdict.reason) is (after is Mode.FLOOR)


def test_an_hour_with_hardly_a_replica_is_no_emergency() -> None:
    """A pool that is asleep but for a burst a day: what the burst's start-up costs ahead of it is no breach."""
    before = costs(1000.0, 1000.0, 800.0)
    lately_s = tuple(500.0 if kind.mode is Mode.FULL else 0.0 for kind in KINDS)
    worlds = dataclasses.replace(before, lately_s=lately_s)
    assert judge(Trust(Mode.FULL), skill(0.5), worlds, LEAD_S, PRICE).mode is Mode.FULL


def test_with_a_lead_of_an_hour_half_a_day_is_known_enough() -> None:
    for seconds, mode in ((43_100.0, Mode.SHADOW), (43_200.0, Mode.FLOOR)):
        worlds = costs(172_800.0, 150_000.0, 138_240.0, seconds)
        assert judge(Trust(), skill(-0.5), worlds, 3600.0, PRICE).mode is mode


def test_nobody_climbs_to_what_lately_cost_far_more() -> None:
    before = costs(172_800.0, 171_000.0, 138_240.0)
    lately_s = tuple(2000.0 if kind.mode is Mode.FULL else 0.0 for kind in KINDS)
    for mode in (Mode.SHADOW, Mode.FLOOR):
        assert (
            judge(Trust(mode), skill(0.5), dataclasses.replace(before, lately_s=lately_s), LEAD_S, PRICE).mode is mode
        )
