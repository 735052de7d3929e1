"""What a PredictiveScaler wishes for, in the scaler's own values. PURE.

The API server has checked the schema and filled the defaults in; what a schema can't say is checked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from scaler.overrides import MODES, Kind, Override
from scaler.settings import EventSettings, PoolSettings
from tidegate.shared.settings import problems_of
from tidegate.shared.times import parse_time, utc


@dataclass(frozen=True, slots=True)
class Target:
    """What is scaled."""

    api_version: str
    kind: str
    name: str

    @property
    def group(self) -> str:
        """The API group; empty for the core's."""
        return self.api_version.rpartition("/")[0]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Wish:
    """One PredictiveScaler. `pool` is None when it can't be carried out as it stands, and `invalid` says why."""

    name: str
    uid: str
    created_at_s: float
    generation: int
    target: Target
    pool: PoolSettings | None
    drain_s: float
    invalid: str = ""


def wish(thing: Mapping[str, Any]) -> Wish:
    """A PredictiveScaler of the API."""
    meta, spec = thing["metadata"], thing["spec"]
    target = spec["target"]
    pool, invalid = None, ""
    try:
        pool = _pool(meta["name"], spec)
    except ValidationError as error:
        invalid = problems_of(error)
    return Wish(
        name=meta["name"],
        uid=meta["uid"],
        created_at_s=parse_time(meta["creationTimestamp"])[0],
        generation=meta["generation"],
        target=Target(target["apiVersion"], target["kind"], target["name"]),
        pool=pool,
        drain_s=spec["scaleIn"]["drainSeconds"],
        invalid=invalid,
    )


def _pool(name: str, spec: Mapping[str, Any]) -> PoolSettings:
    capacity = spec["prior"]["capacityRowsPerSecond"]
    events = [
        EventSettings(
            name=one["name"],
            start=one["start"],
            end=one["end"],
            model=one.get("model", ""),
            factor=one.get("factor"),
            rate_rps=one.get("requestsPerSecond"),
        )
        for one in spec.get("events", ())
    ]
    return PoolSettings(
        name=name,
        models=tuple(spec["models"]),
        min_replicas=spec["minReplicas"],
        max_replicas=spec["maxReplicas"],
        mode=spec["mode"],
        slo_latency_s=spec["slo"]["latencySeconds"],
        prior_capacity_rows_per_s=capacity,
        prior_lead_s=spec["prior"]["leadSeconds"],
        miss_price=miss_price(spec, capacity),
        max_utilization=spec["maxUtilization"],
        max_added_per_tick=spec.get("scaleOut", {}).get("maxPerDecision"),
        max_removed_per_tick=spec["scaleIn"].get("maxPerDecision"),
        scaled_by=spec["scaledBy"],
        priority=spec["priority"],
        units_per_replica=spec["unitsPerReplica"],
        paused=spec["paused"],
        events=tuple(events),
    )


def overridden(thing: Mapping[str, Any]) -> list[Override]:
    """What people override, as the resource's status keeps it; what makes no sense (by other hands) is left out."""
    return [
        Override(
            Kind(one["kind"]),
            one.get("value", ""),
            one["reason"],
            one["by"],
            parse_time(one["at"])[0],
            parse_time(one["until"])[0],
        )
        for one in thing.get("status", {}).get("overrides", ())
        if _makes_sense(one["kind"], one.get("value", ""))
    ]


def _makes_sense(kind: str, value: str) -> bool:
    if not value or kind == Kind.PAUSE:
        return True
    return value in MODES if kind == Kind.MODE else value.isdecimal()


def override_item(one: Override) -> dict[str, str]:
    """An override as the status keeps it: without a value rather than with an empty one, which 1.20 takes for null."""
    return {
        "kind": str(one.kind),
        **({"value": one.value} if one.value else {}),
        "reason": one.reason,
        "by": one.by,
        "at": utc(one.at_s),
        "until": utc(one.until_s),
    }


def miss_price(spec: Mapping[str, Any], capacity_rows_per_s: float) -> float:
    """Replica-seconds per late request: as given, else what the SLO's share asks for, else the default.

    In a level load the planner keeps a replica that is needed for more than 1 / (price · rows per second) of the time
    (scaler/risk.py), so a share of 0.99 on time at 20 rows/s is a price of 1 / (0.01 · 20) = 5.
    """
    if "missPrice" in spec:
        return float(spec["missPrice"])
    share = spec["slo"].get("share")
    if share is not None:
        return 1.0 / ((1.0 - float(share)) * capacity_rows_per_s)
    return float(PoolSettings.model_fields["miss_price"].default)
