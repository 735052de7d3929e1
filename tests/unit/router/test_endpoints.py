"""EndpointSlices as the API gives them, and what they say of the replicas."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router.endpoints import Endpoint, Sightings, endpoints

MANY = 1000


def one(host: str, pod: str = "", **conditions: bool | None) -> dict[str, Any]:
    reference = {"targetRef": {"kind": "Pod", "name": pod}} if pod else {}
    return {"addresses": [host], "conditions": conditions, **reference}


def a_slice(*found: dict[str, Any], service: str = "digits", family: str = "IPv4", **changes: Any) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service}
    ports = [{"name": "metrics", "port": 9090}, {"name": "grpc", "port": 8011}]
    return {"metadata": {"labels": labels}, "addressType": family, "ports": ports, "endpoints": list(found), **changes}


def read(*slices: dict[str, Any], most: int = MANY) -> dict[str, Endpoint]:
    return endpoints(slices, "grpc", most)[0]


def test_a_ready_pod_is_a_replica_of_its_services_pool():
    assert read(a_slice(one("10.0.0.1", "digits-0", ready=True, serving=True, terminating=False))) == {
        "10.0.0.1:8011": Endpoint("10.0.0.1:8011", "digits-0", "digits")
    }


def test_the_label_names_the_pool_before_the_service_does():
    labelled = a_slice(one("10.0.0.1"))
    labelled["metadata"]["labels"]["tidegate.dev/pool"] = "gpu"
    assert read(labelled)["10.0.0.1:8011"].pool == "gpu"


def test_conditions_mean_what_the_api_says_they_mean():
    def state(**conditions: bool | None) -> str:
        return read(a_slice(one("10.0.0.1", "p", **conditions)))["10.0.0.1:8011"].state

    assert state() == "serving", "unknown is to be taken as ready"
    assert state(ready=None, serving=None, terminating=None) == "serving"
    assert state(ready=False) == "not_serving", "before 1.22 there was nothing else"
    assert state(ready=False, serving=True, terminating=True) == "terminating"
    assert state(ready=True, serving=False, terminating=False) == "not_serving", "publishNotReadyAddresses"


def test_addresses_of_other_families_are_written_as_they_are_dialled():
    found = read(a_slice(one("fd00::1"), family="IPv6"), a_slice(one("replica.example"), family="FQDN"))
    assert sorted(found) == ["[fd00::1]:8011", "replica.example:8011"]


def test_a_pod_of_two_families_is_one_replica():
    two = [a_slice(one("fd00::1", "p"), family="IPv6"), a_slice(one("10.0.0.1", "p"))]
    assert list(read(*two)) == list(read(*reversed(two))) == ["10.0.0.1:8011"]


def test_of_two_words_on_one_pod_that_it_terminates_counts():
    stale, fresh = one("10.0.0.1", "p", ready=True), one("10.0.0.1", "p", ready=False, terminating=True)
    for slices in ((a_slice(stale), a_slice(fresh)), (a_slice(fresh), a_slice(stale))):
        assert read(*slices)["10.0.0.1:8011"].terminating


def test_of_two_pods_at_one_address_the_one_that_lives_counts():
    old, new = one("10.0.0.1", "old", ready=False, terminating=True), one("10.0.0.1", "new", ready=True)
    for slices in ((a_slice(old), a_slice(new)), (a_slice(new), a_slice(old))):
        assert read(*slices)["10.0.0.1:8011"].replica_id == "new"


def test_what_has_no_such_port_or_is_too_many_is_ignored_and_counted():
    without = a_slice(one("10.0.0.1"), one("10.0.0.2"), ports=[{"name": "http", "port": 80}])
    crowd = a_slice(*(one(f"10.1.0.{number}") for number in range(5)))
    found, ignored = endpoints([without, crowd], "grpc", 3)
    assert (len(found), ignored) == (3, 4)


def test_a_slice_without_endpoints_or_ports_is_nothing_special():
    assert read(a_slice(endpoints=None), a_slice(one("10.0.0.1"), ports=None)) == {}


def test_an_unnamed_port_has_the_empty_name():
    assert list(endpoints([a_slice(one("10.0.0.1"), ports=[{"port": 7}])], "", MANY)[0]) == ["10.0.0.1:7"]


def test_frozen_is_what_was_not_heard_of_for_long():
    sightings = Sightings(60.0, {"a:1": Endpoint("a:1", "r", "digits", serving=False)})
    assert sightings.frozen(0.0), "never heard"
    sightings.heard_at_s = 100.0
    assert (sightings.frozen(160.0), sightings.frozen(161.0)) == (False, True)
    assert sightings.counts() == {("digits", "not_serving"): 1}


HOSTS = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"])
ENDPOINTS = st.builds(
    one, HOSTS, st.sampled_from(["p", "q", ""]), ready=st.sampled_from([True, False, None]), terminating=st.booleans()
)


@given(st.lists(st.lists(ENDPOINTS, max_size=4), max_size=4), st.integers(1, 5))
def test_whatever_the_slices_say_no_replica_stands_twice_and_the_bound_holds(groups, most):
    found, _ = endpoints([a_slice(*group) for group in groups], "grpc", most)
    assert len(found) <= most
    assert len({endpoint.replica_id for endpoint in found.values()}) == len(found)
    assert all(address == endpoint.address for address, endpoint in found.items())
