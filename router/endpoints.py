"""What a cluster's EndpointSlices say of the replicas. PURE: objects of the API in, endpoints out.

Of what is read here `discovery.k8s.io/v1` and `v1beta1` say the same. What the conditions mean, and that one endpoint
may stand in several slices for a while, is from the API reference and
https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ ("Conditions", "Duplicate endpoints").
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Object = Mapping[str, Any]

POOL_LABEL = "tidegate.dev/pool"
SERVICE_LABEL = "kubernetes.io/service-name"
FAMILIES = ("IPv4", "IPv6", "FQDN")
"""A pod with several addresses is one replica: it gets the first of these that it has."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One replica as the cluster sees it. `serving` is its readiness; `terminating`: somebody has told it to stop."""

    address: str
    replica_id: str
    pool: str
    serving: bool = True
    terminating: bool = False

    @property
    def state(self) -> str:
        """In one word."""
        if self.terminating:
            return "terminating"
        return "serving" if self.serving else "not_serving"


@dataclass(slots=True)
class Sightings:
    """All that was seen last, and when: the discovery's state, for people and for metrics."""

    stale_s: float
    """What was not heard of for longer is frozen."""
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    ignored: int = 0
    """Endpoints that can't be used: their slice has no port of the wanted name, or there are too many."""
    heard_at_s: float | None = None

    def frozen(self, now_s: float) -> bool:
        """True when the API was not heard for too long: what was seen last stays."""
        return self.heard_at_s is None or now_s - self.heard_at_s > self.stale_s

    def counts(self) -> Counter[tuple[str, str]]:
        """Endpoints by (pool, state)."""
        return Counter((one.pool, one.state) for one in self.endpoints.values())


def endpoints(slices: Iterable[Object], port: str, most: int) -> tuple[dict[str, Endpoint], int]:
    """Every endpoint by its address, at most so many, and how many were ignored. `port` is the wanted port's name.

    Of two replicas at one address (a pod's address is given again) the one that is not terminating counts; of two
    words on one replica, that it is terminating, which is never taken back.
    """
    by_replica: dict[tuple[str, str], tuple[int, Endpoint]] = {}
    ignored = 0
    for one in slices:
        number = next((each.get("port") for each in one.get("ports") or () if (each.get("name") or "") == port), None)
        if number is None or one["addressType"] not in FAMILIES:
            ignored += len(one.get("endpoints") or ())
            continue
        rank = FAMILIES.index(one["addressType"])
        for found in _of_slice(one, number):
            key = (found.pool, found.replica_id)
            known = by_replica.get(key)
            by_replica[key] = (rank, found) if known is None else _merged(known, (rank, found))
    by_address: dict[str, Endpoint] = {}
    for _, found in sorted(
        by_replica.values(), key=lambda entry: (entry[1].terminating, entry[1].address, entry[1].pool)
    ):
        by_address.setdefault(found.address, found)
    kept = dict(list(by_address.items())[:most])
    return kept, ignored + len(by_address) - len(kept)


def _of_slice(one: Object, port: int) -> Iterable[Endpoint]:
    labels = one["metadata"].get("labels") or {}
    pool = labels.get(POOL_LABEL) or labels.get(SERVICE_LABEL, "")
    for each in one.get("endpoints") or ():
        host = each["addresses"][0]  # "consumers should treat them as fungible, and use the first"
        address = f"[{host}]:{port}" if one["addressType"] == "IPv6" else f"{host}:{port}"
        said = each.get("conditions") or {}
        serving = said.get("serving")
        if serving is None:  # before 1.22; a `ready` that is absent is to be taken as true
            serving = said.get("ready") is not False
        replica = (each.get("targetRef") or {}).get("name") or address
        yield Endpoint(address, replica, pool, bool(serving), bool(said.get("terminating")))


def _merged(known: tuple[int, Endpoint], new: tuple[int, Endpoint]) -> tuple[int, Endpoint]:
    """Two words on one replica. Which slice is older nobody says; a replica's own health check has the last word."""
    if known[1].terminating is not new[1].terminating:
        return known if known[1].terminating else new
    return min(known, new, key=lambda entry: (entry[0], not entry[1].serving))
