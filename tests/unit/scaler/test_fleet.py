"""A pool's replicas, from asked for to gone."""

from scaler.fleet import Fleet, Replica
from scaler.readings import BackendReading
from tidegate.shared.values import BackendStatus


def backend(id_: str, status: BackendStatus = BackendStatus.READY, outstanding: int = 0) -> BackendReading:
    return BackendReading(f"{id_}:1", id_, "p", status, outstanding)


def backends(*some: BackendReading) -> dict[str, BackendReading]:
    return {one.key: one for one in some}


def replicas(*ids: str, at_s: float = 0.0) -> list[Replica]:
    return [Replica(id_, at_s) for id_ in ids]


def test_a_replica_is_starting_until_a_router_sees_it_ready_and_its_lead_is_measured_once() -> None:
    fleet = Fleet()
    view = fleet.observe(3.0, replicas("a"), backends(backend("a", BackendStatus.STARTING)))
    assert (view.ready, view.starting, view.leads_s) == (0, 1, ())
    view = fleet.observe(8.0, replicas("a"), backends(backend("a")))
    assert (view.ready, view.starting, view.leads_s) == (1, 0, (8.0,))
    assert fleet.observe(9.0, replicas("a"), backends(backend("a"))).leads_s == ()


def test_a_replica_that_falls_ill_is_on_its_way_and_its_return_is_no_start() -> None:
    fleet = Fleet()
    fleet.observe(1.0, replicas("a"), backends(backend("a")))
    assert fleet.observe(2.0, replicas("a"), backends(backend("a", BackendStatus.UNHEALTHY))).starting == 1
    assert fleet.observe(3.0, replicas("a"), backends(backend("a"))).leads_s == ()


def test_dying_before_ready_backs_off_and_measures_nothing() -> None:
    fleet, now = Fleet(), 0.0
    waits = []
    for i in range(4):
        fleet.observe(now, replicas(f"r{i}", at_s=now), {})
        view = fleet.observe(now, [], {})
        assert (view.died_starting, view.leads_s) == (1, ())
        wait = 0.0
        while not fleet.may_start(now + wait):
            wait += 0.5
        waits.append(wait)
        now += wait
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert fleet.failed_starts == 4


def test_a_replica_that_dies_before_anybody_looked_is_counted() -> None:
    fleet = Fleet()
    fleet.asked(replicas("a"))
    assert fleet.observe(1.0, [], {}).died_starting == 1


def test_a_replica_that_becomes_ready_ends_the_count_of_failures() -> None:
    fleet = Fleet()
    fleet.observe(0.0, replicas("a"), {})
    fleet.observe(0.0, [], {})
    fleet.observe(5.0, replicas("b"), backends(backend("b")))
    assert fleet.failed_starts == 0


def test_the_youngest_that_starts_goes_first_then_the_idlest() -> None:
    fleet = Fleet()
    alive = [*replicas("busy", "idle"), Replica("old", 1.0), Replica("young", 2.0)]
    fleet.observe(5.0, alive, backends(backend("busy", outstanding=9), backend("idle", outstanding=1)))
    chosen = fleet.stop(3)
    assert [id_ for id_, _ in chosen] == ["young", "old", "idle"]
    assert [address for _, address in chosen] == [None, None, "idle:1"]
    view = fleet.observe(6.0, alive, backends(backend("busy"), backend("idle", BackendStatus.DRAINING)))
    assert (view.ready, view.starting, view.stopping) == (1, 0, 3)


def test_a_choice_taken_back_counts_again() -> None:
    fleet = Fleet()
    fleet.observe(1.0, replicas("a"), backends(backend("a")))
    assert fleet.stop(1) == [("a", "a:1")]
    fleet.keep("a")
    assert fleet.observe(2.0, replicas("a"), backends(backend("a"))).ready == 1


def test_a_stopped_replica_that_ends_is_no_failed_start() -> None:
    fleet = Fleet()
    fleet.observe(1.0, replicas("a"), {})
    fleet.stop(1)
    assert fleet.observe(2.0, [], {}).died_starting == 0


def test_replicas_of_others_count_and_are_never_stopped() -> None:
    fleet = Fleet()
    view = fleet.observe(
        1.0, [], backends(backend("x"), backend("y", BackendStatus.STARTING), backend("z", BackendStatus.DRAINING))
    )
    assert (view.ready, view.starting) == (1, 1)
    assert fleet.stop(2) == []


def test_silent_routers_change_nothing() -> None:
    fleet = Fleet()
    fleet.observe(1.0, replicas("a"), backends(backend("a"), backend("x")))
    assert fleet.observe(2.0, replicas("a"), None).ready == 2


def test_overdue_replicas_are_expected_soon() -> None:
    fleet = Fleet()
    view = fleet.observe(10.0, [Replica("late", 0.0), Replica("new", 10.0)], {})
    assert view.starting_ready_in_s(10.0, 8.0, 1.0) == (1.0, 8.0)
