"""What routers say, added up."""

import pytest

from scaler.readings import BackendReading, Load, ModelReading, PoolReading, RouterReading, pool_reading
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


def busy(name: str, utilization: float, answered: int, outstanding: int = 0, pool: str = "p") -> BackendReading:
    return BackendReading(f"{name}:1", name, pool, BackendStatus.READY, outstanding, {}, utilization, answered)


def ended(at_s: float, answered: int, failed: int, *backends: BackendReading) -> RouterReading:
    return RouterReading("r", at_s, backends, {"m": ModelReading(0, 0, 1.0, answered + failed, answered, failed)})


def load_of(now: RouterReading, before: RouterReading | None) -> Load:
    return pool_reading("p", ["m"], [now], [before]).load


def test_the_load_is_the_mean_of_what_replicas_said_since_the_last_reading() -> None:
    before = ended(0.0, 0, 0, busy("a", 0.0, 0), busy("b", 0.0, 0), busy("c", 9.0, 5, 3))
    now = ended(
        5.0,
        95,
        5,
        busy("a", 1.5, 60),
        busy("b", 0.5, 40),
        busy("c", 9.0, 5, 3),
        busy("x", 4.0, 9, pool="q"),
    )
    assert load_of(now, before) == Load(busy_share=0.75, queue_wait_s=0.25, error_share=0.05)


def test_an_idle_replica_is_not_as_busy_as_it_last_said() -> None:
    before, now = (ended(at_s, 0, 0, busy("a", 1.7, 60)) for at_s in (0.0, 5.0))
    assert load_of(now, before) == Load(busy_share=0.0, queue_wait_s=0.0)


def test_nothing_is_known_at_first_and_of_a_few_requests() -> None:
    assert load_of(ended(5.0, 19, 0, busy("a", 1.0, 19)), None) == Load()
    before = ended(0.0, 0, 0, busy("a", 0.0, 0))
    assert load_of(ended(5.0, 10, 9, busy("a", 1.0, 19)), before).error_share is None
