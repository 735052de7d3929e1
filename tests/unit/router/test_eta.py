"""When the next replica is expected, and when nobody can know."""

import pytest

from router.backends import BackendTable
from router.eta import Arrivals, StartTimes

A, B = "10.0.0.1:1", "10.0.0.2:1"
DIGITS = frozenset({"digits"})


class World:
    """A table and what follows it, at a time that the test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.table = BackendTable()
        self.arrivals = Arrivals()
        self.table.subscribe(lambda snapshot: self.arrivals.follow(snapshot, self.now_s))

    def register(self, address: str, replica: str, pool: str = "gpu", *, warm: bool = False) -> None:
        self.table.register(address, replica, pool, expires_at_s=1e9, warm=warm)

    def one_start(self, seconds: float) -> None:
        """A replica of the pool starts, serves and is gone."""
        self.register(A, f"start-{self.now_s}")
        self.now_s += seconds
        self.table.set_healthy(A, DIGITS)
        self.table.deregister(A)
        self.table.set_unhealthy(A)
        self.table.sweep(self.now_s, lambda _: 0)

    def next(self, model: str = "digits") -> float | None:
        return self.arrivals.next_ready_at_s(model, self.table.snapshot, self.now_s)


@pytest.fixture
def world() -> World:
    return World()


def test_three_of_four_starts_took_at_least_the_quick_time():
    starts = StartTimes()
    assert starts.quick_s("gpu") is None
    for seconds in (30.0, 9.0, 8.0, 10.0):
        starts.observe("gpu", seconds)
    assert starts.quick_s("gpu") == 8.0
    starts.observe("gpu", 7.0)
    assert starts.quick_s("gpu") == 8.0
    assert starts.quick_s("other") is None


def test_a_registered_replica_is_expected_one_measured_start_after_it_was_first_seen(world):
    world.one_start(20)
    world.register(B, "r2")
    world.now_s += 5
    world.register(B, "r2")  # its heartbeat
    assert world.next() == 40
    assert world.next("faces") is None, "the pool does not serve it"


def test_without_a_measured_start_nobody_knows(world):
    world.register(A, "r1")
    assert world.next() is None


def test_a_start_that_is_overdue_may_end_at_any_moment(world):
    world.one_start(20)
    world.register(B, "r2")
    world.now_s += 20
    assert world.next() is None


def test_the_first_of_several_counts(world):
    world.one_start(20)
    world.register(A, "r2")
    world.now_s += 3
    world.register(B, "r3")
    assert world.next() == 40


def test_a_replica_that_may_be_back_at_any_moment_makes_it_unknown(world):
    world.one_start(20)
    world.register(B, "r2")
    world.table.add_static(A)
    assert world.next() is None, "a static backend that was never up"
    world.table.set_healthy(A, DIGITS)
    world.table.set_unhealthy(A)
    assert world.next() is None, "one that was ready"
    assert world.next("faces") is None


def test_a_replica_that_was_warm_when_the_router_first_saw_it_is_no_measured_start(world):
    world.register(A, "r1", warm=True)
    world.now_s += 0.1
    world.table.set_healthy(A, DIGITS)
    world.table.set_unhealthy(A)
    world.register(B, "r2")
    assert world.arrivals.next_ready_at_s("digits", world.table.snapshot, world.now_s) is None


def test_what_the_scaler_expects_counts_until_it_lapses(world):
    world.arrivals.expect("gpu", ["digits"], ready_at_s=30.0, until_s=15.0)
    assert world.next() == 30
    assert world.next("faces") is None
    assert world.arrivals.expected_models(10.0) == DIGITS
    world.now_s = 16.0
    assert world.next() is None
    assert world.arrivals.expected_models(16.0) == frozenset()
    assert not world.arrivals.lapse(14.0)
    assert world.arrivals.lapse(16.0), "the policy that still has it must be made anew"
    assert not world.arrivals.lapse(16.0)


def test_the_scalers_last_word_replaces_the_one_before(world):
    world.arrivals.expect("gpu", ["digits"], ready_at_s=30.0, until_s=100.0)
    world.arrivals.expect("gpu", ["digits"], ready_at_s=None, until_s=100.0)
    assert world.next() is None
    assert world.arrivals.expected_models(0.0) == frozenset(), "none is coming"


def test_what_was_expected_earlier_than_now_may_come_at_any_moment(world):
    world.arrivals.expect("gpu", ["digits"], ready_at_s=30.0, until_s=100.0)
    world.now_s = 31.0
    assert world.next() is None
