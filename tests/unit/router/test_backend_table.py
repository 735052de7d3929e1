"""Which backends may be sent requests, after any history of events."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends import BackendTable
from router.endpoints import Endpoint
from tidegate.shared.errors import BackendNotFound
from tidegate.shared.values import BackendStatus

A, B = "10.0.0.1:1", "10.0.0.2:1"
DIGITS = frozenset({"digits"})


def idle(_address: str) -> int:
    return 0


def status(table: BackendTable, address: str) -> BackendStatus | None:
    return next((backend.status for backend in table.snapshot.backends if backend.address == address), None)


def table_with_ready(*addresses: str) -> BackendTable:
    table = BackendTable()
    for address in addresses:
        table.register(address, f"replica-{address}", "pool", expires_at_s=100)
        table.set_healthy(address, DIGITS)
    return table


def test_a_backend_is_starting_then_ready_then_unhealthy():
    table = BackendTable()
    table.add_static(A)
    assert status(table, A) is BackendStatus.STARTING
    assert table.snapshot.ready("digits") == ()
    table.set_healthy(A, DIGITS)
    assert status(table, A) is BackendStatus.READY
    assert table.snapshot.ready("digits") == (A,)
    assert table.snapshot.ready("other") == ()
    table.set_unhealthy(A)
    assert status(table, A) is BackendStatus.UNHEALTHY
    assert table.snapshot.ready("digits") == ()


def test_only_backends_that_have_the_model_ready_are_offered():
    table = table_with_ready(A, B)
    table.set_healthy(B, frozenset({"digits", "faces"}))
    assert table.snapshot.ready("digits") == (A, B)
    assert table.snapshot.ready("faces") == (B,)


def test_a_backend_without_a_list_of_models_serves_every_model():
    table = table_with_ready(A, B)
    table.set_healthy(B, None)
    assert table.snapshot.ready("digits") == (A, B)
    assert table.snapshot.ready("whatever") == (B,)


def test_without_health_checks_every_backend_is_ready_for_every_model():
    table = BackendTable(health_checks=False)
    table.add_static(A)
    table.register(B, "replica-b", "", expires_at_s=10)
    assert table.snapshot.ready("anything") == (A, B)
    table.sweep(11, idle)
    assert table.snapshot.ready("anything") == (A,), "the registration is the only sign of life there is"


def test_a_lapsed_registration_never_removes_a_healthy_backend():
    table = table_with_ready(A)
    table.sweep(1e9, idle)
    assert table.snapshot.ready("digits") == (A,)


def test_a_lapsed_registration_removes_an_unhealthy_backend_once_it_is_idle():
    table = table_with_ready(A)
    table.set_unhealthy(A)
    table.sweep(99, idle)
    assert status(table, A) is BackendStatus.UNHEALTHY, "its registration still stands"
    table.sweep(101, lambda _: 1)
    assert status(table, A) is BackendStatus.UNHEALTHY, "a request is still out there"
    table.sweep(101, idle)
    assert status(table, A) is None


def test_registering_again_puts_the_lapse_off():
    table = table_with_ready(A)
    table.register(A, f"replica-{A}", "pool", expires_at_s=200)
    table.set_unhealthy(A)
    table.sweep(150, idle)
    assert status(table, A) is BackendStatus.UNHEALTHY


def test_a_static_backend_is_never_removed():
    table = BackendTable()
    table.add_static(A)
    table.sweep(1e9, idle)
    assert status(table, A) is BackendStatus.STARTING


def test_a_deregistered_backend_takes_nothing_new_at_once_and_goes_when_idle():
    table = table_with_ready(A, B)
    table.deregister(A)
    assert table.snapshot.ready("digits") == (B,)
    table.sweep(0, lambda address: 1 if address == A else 0)
    assert status(table, A) is BackendStatus.DRAINING
    table.sweep(0, idle)
    assert status(table, A) is None


def test_a_late_heartbeat_does_not_bring_a_replica_back_that_left():
    table = table_with_ready(A)
    table.deregister(A)
    table.register(A, f"replica-{A}", "pool", expires_at_s=200)
    assert table.snapshot.ready("digits") == ()


def test_deregistering_a_stranger_changes_nothing():
    table = table_with_ready(A)
    version = table.snapshot.version
    table.deregister(B)
    assert table.snapshot.version == version


def test_a_static_backend_that_left_comes_back_after_its_process_ended():
    table = BackendTable()
    table.add_static(A)
    table.set_healthy(A, DIGITS)
    table.deregister(A)
    table.sweep(0, idle)
    assert status(table, A) is BackendStatus.DRAINING
    table.set_unhealthy(A)
    table.set_healthy(A, DIGITS)
    assert table.snapshot.ready("digits") == (A,)


def test_drained_stays_drained_through_registration_and_health():
    table = table_with_ready(A)
    table.drain(A)
    table.register(A, f"replica-{A}", "pool", expires_at_s=200)
    table.set_unhealthy(A)
    table.set_healthy(A, DIGITS)
    assert status(table, A) is BackendStatus.DRAINING
    assert table.snapshot.ready("digits") == ()
    table.resume(A)
    assert table.snapshot.ready("digits") == (A,)


def test_another_replica_at_a_drained_address_starts_afresh():
    table = table_with_ready(A)
    table.drain(A)
    table.register(A, "another", "pool", expires_at_s=200)
    assert table.snapshot.ready("digits") == (A,)


def test_drain_and_resume_of_a_stranger_are_refused_by_name():
    table = table_with_ready(A)
    for event in (table.drain, table.resume):
        with pytest.raises(BackendNotFound, match=B):
            event(B)


def test_events_that_change_nothing_make_no_new_version():
    table = table_with_ready(A)
    version = table.snapshot.version
    table.set_healthy(A, DIGITS)
    table.register(A, f"replica-{A}", "pool", expires_at_s=200)
    table.set_unhealthy("nobody:1")
    assert table.snapshot.version == version


def test_subscribers_are_told_of_each_change_within_the_event():
    table = BackendTable()
    versions: list[int] = []
    table.subscribe(lambda snapshot: versions.append(snapshot.version))
    table.add_static(A)
    table.set_healthy(A, DIGITS)
    assert versions == [1, 2]


def test_an_unseen_model_may_be_learned_unless_the_ready_backends_would_know_it():
    table = BackendTable()
    assert table.snapshot.may_learn_models, "no backend yet: who knows"
    table.add_static(A)
    table.set_healthy(A, DIGITS)
    assert not table.snapshot.may_learn_models
    table.add_static(B)
    assert table.snapshot.may_learn_models, "b is starting and might have it"
    table.set_healthy(B, frozenset({"faces"}))
    table.set_unhealthy(B)
    assert table.snapshot.seen_models == {"digits", "faces"}, "b had it and may come back"
    table.forget_model("faces")
    assert table.snapshot.seen_models == {"digits"}, "it was unloaded on purpose"


def test_a_replica_says_how_long_its_warm_up_took_once_it_knows():
    table = table_with_ready(A)
    assert table.snapshot.backends[0].warm_up_s is None
    table.set_healthy(A, DIGITS, warm_up_s=3.5)
    assert table.snapshot.backends[0].warm_up_s == 3.5
    table.register(A, "another", "pool", expires_at_s=100)
    assert table.snapshot.backends[0].warm_up_s is None


def seen(address: str, replica: str = "r1", **how: bool) -> dict[str, Endpoint]:
    """The cluster's word on one replica."""
    return {address: Endpoint(address, replica, "pool", **how)}


def discovered(*addresses: str) -> BackendTable:
    """A table whose cluster shows these, ready."""
    table = BackendTable()
    table.discover({address: Endpoint(address, f"replica-{address}", "pool") for address in addresses})
    for address in addresses:
        table.set_healthy(address, DIGITS)
    return table


def test_what_the_cluster_shows_is_offered_once_it_is_healthy():
    table = BackendTable()
    table.discover(seen(A))
    (backend,) = table.snapshot.backends
    assert (backend.pool, backend.replica_id, backend.source) == ("pool", "r1", "cluster")
    assert table.snapshot.ready("digits") == ()
    table.set_healthy(A, DIGITS)
    assert table.snapshot.ready("digits") == (A,)


def test_a_healthy_replica_that_the_cluster_calls_not_ready_gets_nothing():
    table = BackendTable()
    table.discover(seen(A, serving=False))
    table.set_healthy(A, DIGITS)
    assert status(table, A) is BackendStatus.STARTING, "it was never ready"
    table.discover(seen(A))
    assert status(table, A) is BackendStatus.READY
    table.discover(seen(A, serving=False))
    assert status(table, A) is BackendStatus.UNHEALTHY


@pytest.mark.parametrize("after", [seen(A, f"replica-{A}", terminating=True), {}], ids=["terminating", "gone"])
def test_whoever_terminates_or_is_gone_leaves_the_view_at_once_and_the_table_when_idle(after):
    table = discovered(A, B)
    table.discover({**after, B: Endpoint(B, f"replica-{B}", "pool")})
    assert table.snapshot.ready("digits") == (B,)
    table.sweep(0, lambda address: 1 if address == A else 0)
    assert status(table, A) is BackendStatus.DRAINING
    table.sweep(0, idle)
    assert status(table, A) is None
    table.discover({**after, B: Endpoint(B, f"replica-{B}", "pool")})
    assert status(table, A) is None, "one that terminates is not taken in again"


def test_another_pod_at_the_address_of_one_that_was_drained_starts_afresh():
    table = discovered(A)
    table.drain(A)
    table.discover(seen(A, "another"))
    assert table.snapshot.ready("digits") == (A,)
    table.discover(seen(A, "a third", terminating=True))
    assert status(table, A) is BackendStatus.DRAINING, "it is gone, and the third is none to begin with"


def test_the_clusters_word_outlasts_a_lapsed_registration_and_a_failing_health_check():
    table = discovered(A)
    table.register(A, f"replica-{A}", "pool", expires_at_s=10)
    table.set_unhealthy(A)
    table.sweep(100, idle)
    assert status(table, A) is BackendStatus.UNHEALTHY


def test_a_replica_that_took_its_leave_stays_gone_though_the_cluster_still_shows_it():
    table = discovered(A)
    table.deregister(A)
    table.discover(seen(A, f"replica-{A}"))
    assert table.snapshot.ready("digits") == ()


def test_the_cluster_neither_removes_nor_drains_what_others_brought():
    table = table_with_ready(A)
    table.add_static(B)
    table.set_healthy(B, DIGITS)
    table.discover({})
    assert table.snapshot.ready("digits") == (A, B)


def test_a_whole_view_is_one_change_and_the_same_view_is_none():
    table, versions = BackendTable(), []
    table.subscribe(lambda snapshot: versions.append(snapshot.version))
    view = {address: Endpoint(address, address, "pool") for address in (A, B)}
    table.discover(view)
    table.discover(view)
    assert versions == [1]


ADDRESSES = st.sampled_from([A, B, "10.0.0.3:1"])
EVENTS = st.one_of(
    st.tuples(st.sampled_from(["deregister", "set_unhealthy", "drain", "resume", "add_static"]), ADDRESSES),
    st.tuples(st.just("set_healthy"), ADDRESSES, st.sampled_from([DIGITS, frozenset({"faces"}), None])),
    st.tuples(st.just("register"), ADDRESSES, st.sampled_from(["r1", "r2"]), st.just(""), st.floats(0, 100)),
    st.tuples(
        st.just("discover"),
        st.dictionaries(
            ADDRESSES,
            st.builds(Endpoint, st.just(""), st.sampled_from(["r1", "r2"]), st.just(""), st.booleans(), st.booleans()),
        ),
    ),
)


@given(st.lists(EVENTS, max_size=40), st.floats(0, 100))
def test_whatever_happens_only_healthy_undrained_backends_are_offered(events, now_s):
    table = BackendTable()
    for name, *arguments in events:
        if name == "discover":
            arguments = [{address: replace(one, address=address) for address, one in arguments[0].items()}]
        before = table.snapshot
        try:
            getattr(table, name)(*arguments)
        except BackendNotFound:
            assert arguments[0] not in {backend.address for backend in before.backends}
        assert table.snapshot.version >= before.version
    table.sweep(now_s, idle)
    by_address = {backend.address: backend for backend in table.snapshot.backends}
    for model in ("digits", "faces", "unknown"):
        expected = [
            address
            for address, backend in sorted(by_address.items())
            if backend.healthy
            and backend.serving
            and not backend.draining
            and not backend.leaving
            and not backend.terminating
            and (backend.models is None or model in backend.models)
        ]
        assert list(table.snapshot.ready(model)) == expected
