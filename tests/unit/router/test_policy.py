"""What the data plane is told for each state of the backends."""

import pytest

import dataplane
from protos import inference_pb2
from router import policy as policies
from router.backends import BackendTable
from router.eta import Arrivals
from router.limits import BackendLimits, ClientLimits, EjectionSettings, RetrySettings, TimeLimits
from router.settings import RouterSettings
from router.weights import Report, Weights
from tidegate.shared.settings import Table

A, B = "10.0.0.1:1", "host-b:1"
DIGITS = frozenset({"digits"})


class World:
    def __init__(self, **settings: object) -> None:
        self.table = BackendTable()
        self.arrivals = Arrivals()
        self.weights = Weights()
        self.settings = RouterSettings(**settings)
        self.targets = {A: A, B: "10.0.0.2:1"}
        self.table.subscribe(lambda snapshot: self.arrivals.follow(snapshot, 0.0))

    def policy(self, now_s: float = 0.0) -> dataplane.Policy:
        snapshot = self.table.snapshot
        return policies.policy(
            snapshot,
            self.targets,
            self.arrivals,
            self.weights,
            self.settings,
            local_address="unix:/own",
            now_s=now_s,
        )

    def backends(self) -> dict[str, dataplane.Backend]:
        return {backend.address: backend for backend in self.policy().backends}


@pytest.fixture
def world() -> World:
    return World()


def test_a_backend_is_ready_when_the_table_says_so(world):
    world.table.add_static(A)
    assert not world.backends()[A].ready
    world.table.set_healthy(A, DIGITS)
    ready = world.backends()[A]
    assert (ready.ready, ready.models, ready.all_models) == (True, ["digits"], False)
    world.table.drain(A)
    assert not world.backends()[A].ready, "nothing new, but it keeps its connections and counts"
    world.table.resume(A)
    world.table.set_unhealthy(A)
    assert not world.backends()[A].ready


def test_a_backend_without_a_list_of_models_serves_all(world):
    world.table.add_static(A)
    world.table.set_healthy(A, None)
    assert world.backends()[A].all_models


def test_the_data_plane_is_given_addresses_not_names(world):
    world.table.add_static(B)
    world.table.set_healthy(B, DIGITS)
    assert list(world.backends()) == ["10.0.0.2:1"]
    del world.targets[B]
    assert world.backends() == {}, "not found yet"


@pytest.mark.parametrize("drained", [A, B])
def test_a_replica_known_by_two_names_is_drained_by_either(world, drained):
    world.targets[B] = A
    for address in (A, B):
        world.table.add_static(address)
    world.table.set_healthy(B, DIGITS)
    assert [(one.address, one.ready) for one in world.policy().backends] == [(A, True)], "one of them passes"
    world.table.set_healthy(A, DIGITS)
    world.table.drain(drained)
    assert [(one.address, one.ready) for one in world.policy().backends] == [(A, False)]


def test_a_replica_is_weighed_in_over_its_own_warm_up_within_bounds():
    world = World(slow_start_max_s=30.0)
    for address, replica, warm_up_s in ((A, "r1", 12.0), (B, "r2", 600.0)):
        world.table.register(address, replica, "gpu", 100.0)
        world.table.set_healthy(address, DIGITS, warm_up_s)
    assert {address: one.slow_start_s for address, one in world.backends().items()} == {A: 12.0, "10.0.0.2:1": 30.0}
    assert World(slow_start_max_s=0.0).settings.slow_start_max_s == 0.0


def test_a_slower_replica_weighs_less(world):
    for address in (A, B):
        world.table.add_static(address)
        world.table.set_healthy(address, DIGITS)
    slow, fast = Report(1, 0, {"digits": 20.0}), Report(1, 0, {"digits": 100.0})
    world.weights.observe({world.targets[B]: slow, world.targets[A]: fast}, 0.0)
    weights = {address: one.weight for address, one in world.backends().items()}
    assert weights == {A: 1.0, world.targets[B]: pytest.approx(0.2)}


def test_models_that_were_served_once_are_known_until_they_are_unloaded(world):
    world.table.add_static(A)
    world.table.set_healthy(A, DIGITS)
    world.table.set_unhealthy(A)
    assert [model.name for model in world.policy().models] == ["digits"]
    world.table.forget_model("digits")
    assert world.policy().models == []


def test_unknown_models_are_held_only_while_somebody_may_turn_out_to_have_them(world):
    assert world.policy().hold_unknown_models, "no backend yet: who knows"
    world.table.add_static(A)
    world.table.set_healthy(A, DIGITS)
    assert not world.policy().hold_unknown_models
    world.table.add_static(B)
    assert world.policy().hold_unknown_models, "b is starting and might have it"


def test_the_expected_time_goes_with_models_that_no_replica_has_ready(world):
    world.arrivals.expect("gpu", ["digits", "faces"], ready_at_s=30.0, until_s=100.0)
    world.table.add_static(A)
    world.table.set_healthy(A, DIGITS)
    assert {model.name: model.eta_s for model in world.policy(now_s=10.0).models} == {"digits": None, "faces": 20.0}


def test_every_rpc_of_the_service_has_a_route():
    methods = {f"{policies.SERVICE}{method.name}" for method in _service().methods}
    named = {route.path: route.kind for route in policies.routes()}
    assert {path for path in named if path.startswith(policies.SERVICE)} <= methods | {policies.SERVICE}
    assert named[policies.SERVICE] is dataplane.RouteKind.REFUSED
    assert named[policies.SERVICE + "ModelInfer"] is dataplane.RouteKind.INFERENCE
    assert named[policies.SERVICE + "RepositoryIndex"] is dataplane.RouteKind.LOCAL


def _service():
    return inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]


def test_the_settings_go_on_under_their_names():
    world = World(
        hold_requests=7, hold_bytes=8, hold_s=9.5, hold_release_outstanding=3, retry={"max_lost": 2}, max_models=5
    )
    made = world.policy()
    assert (made.hold.requests, made.hold.bytes, made.hold.seconds, made.hold.release_outstanding) == (7, 8, 9.5, 3)
    assert (made.retry.max_lost, made.max_models, made.local_address) == (2, 5, "unix:/own")
    limits = policies.client_limits(RouterSettings(client_limits={"max_streams": 11}))
    assert limits.max_streams == 11
    assert policies.backend_limits(RouterSettings(backend_limits={"keepalive_s": 400.0})).keepalive_s == 400.0


@pytest.mark.parametrize(
    ("table", "native"),
    [
        (RetrySettings(), dataplane.Retry()),
        (EjectionSettings(), dataplane.Outliers()),
        (TimeLimits(), dataplane.Times()),
        (ClientLimits(), dataplane.Limits()),
        (BackendLimits(), dataplane.default_upstream_limits()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_documented_defaults_are_the_data_planes_own(table: Table, native: object):
    assert {name: getattr(native, name) for name in type(table).model_fields} == table.model_dump()


@pytest.mark.parametrize("native", [dataplane.Retry, dataplane.Outliers, dataplane.Times, dataplane.Limits])
def test_every_limit_of_the_data_plane_can_be_set(native: type):
    tables = {"Retry": RetrySettings, "Outliers": EjectionSettings, "Times": TimeLimits, "Limits": ClientLimits}
    settable = {name for name in vars(native) if not name.startswith("_")}
    assert settable == set(tables[native.__name__].model_fields)
