"""What routers say, added up."""

import pytest

from scaler.readings import BackendReading, ModelReading, PoolReading, RouterReading, pool_reading
from tidegate.shared.values import BackendStatus


def router(
    name: str, at_s: float, arrived: int = 0, succeeded: int = 0, *backends: BackendReading, cost: float = 2.0
) -> RouterReading:
    return RouterReading(name, at_s, backends, {"m": ModelReading(3, 1, cost, arrived, succeeded)})


def read(now: list[RouterReading | None], before: list[RouterReading | None]) -> PoolReading:
    return pool_reading("p", ["m"], now, before)


def test_rates_are_differences_summed_over_routers_and_weighed_by_cost() -> None:
    reading = read(
        [router("a", 10.0, 100, 90), router("b", 10.0, 50, 50)], [router("a", 5.0, 50, 50), router("b", 5.0, 50, 50)]
    )
    assert reading.demand_rps == {"m": 10.0}
    assert reading.demand_rows_per_s == 20.0
    assert reading.served_rows_per_s == 16.0
    assert reading.outstanding_rows == 16.0  # two routers, 3 sent and 1 held each, 2 rows each


def test_one_silent_router_makes_the_sums_unknown_not_small() -> None:
    reading = read([router("a", 10.0, 100), None], [router("a", 5.0, 50), router("b", 5.0, 50)])
    assert (reading.demand_rows_per_s, reading.served_rows_per_s, reading.outstanding_rows) == (None, None, None)


def test_the_first_reading_has_outstanding_work_and_no_rates() -> None:
    reading = read([router("a", 10.0, 100)], [None])
    assert reading.demand_rps is None
    assert reading.outstanding_rows == 8.0


def test_a_restarted_router_gives_no_rate() -> None:
    assert read([router("a", 10.0, 3)], [router("a", 5.0, 50)]).demand_rps is None


def test_a_model_never_asked_for_has_no_demand() -> None:
    empty = RouterReading("a", 10.0, (), {})
    reading = read([empty], [RouterReading("a", 5.0, (), {})])
    assert reading.demand_rps == {"m": 0.0}
    assert reading.outstanding_rows == 0


@pytest.mark.parametrize(
    ("one", "other", "status"),
    [
        (BackendStatus.READY, BackendStatus.UNHEALTHY, BackendStatus.READY),
        (BackendStatus.STARTING, BackendStatus.READY, BackendStatus.READY),
        (BackendStatus.READY, BackendStatus.DRAINING, BackendStatus.DRAINING),
    ],
)
def test_two_views_of_one_backend(one: BackendStatus, other: BackendStatus, status: BackendStatus) -> None:
    views = [BackendReading("h:1", "r", "p", seen, 2) for seen in (one, other)]
    reading = read([router("a", 1.0, 0, 0, views[0]), router("b", 1.0, 0, 0, views[1])], [None, None])
    assert reading.backends["r"].status is status
    assert reading.backends["r"].outstanding == 4


def test_other_pools_backends_are_not_ours() -> None:
    other = BackendReading("h:1", "r", "q", BackendStatus.READY, 0)
    assert read([router("a", 1.0, 0, 0, other)], [None]).backends == {}
