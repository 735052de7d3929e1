"""Capacity and lead: priors until there is data, then what was measured."""

import pytest

from scaler.capacity import ENOUGH_READINGS, LIVE, ModelCapacity, pool_capacity, under_load, update
from scaler.lead import ENOUGH_STARTS, pool_lead, quick_lead_s


def measured(**rows_per_s: float) -> dict[str, ModelCapacity]:
    return {model: ModelCapacity(rate, 0.0, ENOUGH_READINGS) for model, rate in rows_per_s.items()}


def test_the_mix_of_models_is_a_harmonic_mean_of_their_work() -> None:
    capacity = pool_capacity(measured(a=40.0, b=10.0), {"a": 5.0, "b": 5.0}, 7.0)
    assert capacity.rows_per_s == pytest.approx(16.0)  # 1 / (0.5/40 + 0.5/10)


def test_an_idle_pool_counts_its_models_alike() -> None:
    assert pool_capacity(measured(a=40.0, b=10.0), {"a": 0.0, "b": 0.0}, 7.0).rows_per_s == pytest.approx(16.0)


def test_the_prior_holds_until_there_are_enough_readings() -> None:
    known: dict[str, ModelCapacity] = {}
    for _ in range(ENOUGH_READINGS - 1):
        known = update(known, [{"a": 50.0}], ["a"])
    assert pool_capacity(known, {"a": 1.0}, 7.0).source == "prior"
    known = update(known, [{"a": 50.0}], ["a"])
    after = pool_capacity(known, {"a": 1.0}, 7.0)
    assert (after.rows_per_s, after.source) == (pytest.approx(50.0), "measured (5 readings)")


def test_a_model_without_readings_counts_with_the_prior() -> None:
    capacity = pool_capacity(measured(a=40.0), {"a": 5.0, "b": 5.0}, 10.0)
    assert capacity.rows_per_s == pytest.approx(16.0)
    assert "prior for b" in capacity.source


def test_readings_that_scatter_make_the_figure_less_certain() -> None:
    steady: dict[str, ModelCapacity] = {}
    wild: dict[str, ModelCapacity] = {}
    for i in range(40):
        steady = update(steady, [{"a": 40.0}], ["a"])
        wild = update(wild, [{"a": 20.0 if i % 2 else 60.0}], ["a"])
    assert pool_capacity(steady, {"a": 1.0}, 7.0).relative_error == 0.0
    assert 0.05 < pool_capacity(wild, {"a": 1.0}, 7.0).relative_error < 0.3


def test_what_replicas_did_under_full_load_corrects_what_they_report() -> None:
    known, work = measured(a=40.0), {"a": 100.0}
    for _ in range(ENOUGH_READINGS):
        assert pool_capacity(known, work, 7.0).rows_per_s == pytest.approx(40.0)
        known = under_load(known, served_rows_per_s=120.0, ready=4, work=work, prior=7.0)
    corrected = pool_capacity(known, work, 7.0)
    assert corrected.rows_per_s == pytest.approx(30.0)
    assert corrected.source == "measured (5 readings), times 0.75 as under full load"
    for i in range(20):
        known = under_load(known, 160.0 if i % 2 else 80.0, 4, work, 7.0)
    assert 0.05 < pool_capacity(known, work, 7.0).relative_error < 0.3, "it scatters, so it is less certain"


def test_one_wild_tick_counts_for_no_more_than_a_quarter_or_twice() -> None:
    known = measured(a=40.0)
    assert under_load(known, 1.0, 4, {"a": 1.0}, 7.0)[LIVE].mean == 0.25
    assert under_load(known, 9e9, 4, {"a": 1.0}, 7.0)[LIVE].mean == 2.0


def test_a_new_version_starts_from_what_it_measured_at_its_warm_up() -> None:
    known = measured(a=40.0)
    for _ in range(ENOUGH_READINGS):
        known = under_load(known, 120.0, 4, {"a": 1.0}, 7.0)
    known = update(known, [{"a": 90.0}], ["a"])
    fresh = pool_capacity(known, {"a": 1.0}, 7.0)
    assert fresh.rows_per_s == pytest.approx(90.0), "neither the old version's figure, nor what it did under load"
    assert fresh.relative_error > 0.1, "and not as certain"


@pytest.mark.parametrize("report", [{}, {"a": 0.0}, {"a": float("nan")}, {"a": float("inf")}, {"other": 9.0}])
def test_reports_that_say_nothing_change_nothing(report: dict[str, float]) -> None:
    assert update({}, [report], ["a"]) == {}


def test_replicas_of_one_tick_are_averaged() -> None:
    assert update({}, [{"a": 30.0}, {"a": 50.0}], ["a"])["a"].mean == 40.0


def test_lead_is_the_prior_until_enough_starts_were_seen() -> None:
    assert pool_lead([3.0] * 4, 60.0).seconds == 60.0
    lead = pool_lead([3.0] * 5, 60.0)
    assert (lead.seconds, lead.source) == (3.0, "measured (5 starts)")


def test_one_start_longer_than_the_prior_counts_at_once() -> None:
    assert pool_lead([90.0], 60.0).seconds == 90.0


def test_lead_is_a_start_that_was_seen_near_the_top() -> None:
    assert pool_lead([float(i) for i in range(1, 41)], 60.0).seconds == 39.0


def test_old_starts_are_forgotten() -> None:
    assert pool_lead([300.0] * 50 + [5.0] * 50, 60.0).seconds == 5.0


def test_what_routers_refuse_by_is_measured_and_quicker_than_most_starts() -> None:
    assert quick_lead_s([9.0] * (ENOUGH_STARTS - 1)) is None
    assert quick_lead_s([30.0, 9.0, 8.0, 10.0, 11.0]) == 9.0
