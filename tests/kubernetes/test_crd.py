"""The resource definition, judged by a real API server."""

import re
from typing import Any

import pytest
from kubernetes.aio.client.exceptions import ApiException

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.manifests import SCALER_API, predictive_scaler

LAUNCH = {"name": "launch", "start": "2026-03-01T12:00:00Z", "end": "2026-03-01T14:00:00Z"}

ACCEPTED: dict[str, dict[str, Any]] = {
    "the least": {},
    "any kind with a scale": {"target": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "digits"}},
    "down to zero": {"minReplicas": 0},
    "an SLO": {"slo": {"latencySeconds": 0.25, "share": 0.99}},
    "a price": {"missPrice": 5},
    "priors": {"prior": {"capacityRowsPerSecond": 80, "leadSeconds": 300}},
    "limits": {"scaleOut": {"maxPerDecision": 4}, "scaleIn": {"maxPerDecision": 1, "drainSeconds": 0}},
    "a factor over a window": {"events": [{**LAUNCH, "factor": 3}]},
    "a rate over a window": {"events": [{**LAUNCH, "requestsPerSecond": 500}]},
    "the HPA's number": {"mode": "hpa"},
    "paused": {"paused": True},
    "a weight and a size for the budget": {"priority": 2.5, "unitsPerReplica": 8},
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no target": ({"target": None}, "spec.target"),
    "a nameless target": ({"target": {"kind": "Deployment"}}, "spec.target.name"),
    "no model": ({"models": []}, "spec.models"),
    "a model twice": ({"models": ["m", "m"]}, "spec.models"),
    "no maximum": ({"maxReplicas": None}, "spec.maxReplicas"),
    "a maximum of none": ({"maxReplicas": 0}, "spec.maxReplicas"),
    "a negative minimum": ({"minReplicas": -1}, "spec.minReplicas"),
    "a minimum in words": ({"minReplicas": "two"}, "spec.minReplicas"),
    "an unknown mode": ({"mode": "bold"}, "spec.mode"),
    "a latency of nothing": ({"slo": {"latencySeconds": 0}}, "spec.slo.latencySeconds"),
    "a share in percent": ({"slo": {"share": 99}}, "spec.slo.share"),
    "a free miss": ({"missPrice": 0}, "spec.missPrice"),
    "more than all of a replica": ({"maxUtilization": 1.1}, "spec.maxUtilization"),
    "a prior capacity of nothing": ({"prior": {"capacityRowsPerSecond": 0}}, "spec.prior.capacityRowsPerSecond"),
    "a limit of nothing": ({"scaleIn": {"maxPerDecision": 0}}, "spec.scaleIn.maxPerDecision"),
    "a priority of nothing": ({"priority": 0}, "spec.priority"),
    "part of a GPU": ({"unitsPerReplica": 0.5}, "spec.unitsPerReplica"),
    "an unknown hand": ({"scaledBy": "hpa"}, "spec.scaledBy"),
    "an event without effect": ({"events": [LAUNCH]}, "spec.events.factor"),
    "an event with two": ({"events": [{**LAUNCH, "factor": 2, "requestsPerSecond": 9}]}, "oneOf"),
    "an event without end": ({"events": [{"name": "x", "start": LAUNCH["start"], "factor": 2}]}, "spec.events.end"),
    "an event some day": ({"events": [{**LAUNCH, "start": "soon", "factor": 2}]}, "spec.events.start"),
    "an event twice": ({"events": [{**LAUNCH, "factor": 2}] * 2}, "spec.events"),
}


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED)
async def test_accepted(cluster: Cluster, spec: dict[str, Any]) -> None:
    await cluster.create(predictive_scaler(**spec), dryRun="All")


@pytest.mark.parametrize(("spec", "field"), REFUSED.values(), ids=REFUSED)
async def test_refused_naming_the_field(cluster: Cluster, spec: dict[str, Any], field: str) -> None:
    with pytest.raises(ApiException) as refused:
        await cluster.create(predictive_scaler(**spec), dryRun="All")
    assert refused.value.status == 422
    assert field in re.sub(r"\[\d+]", "", refused.value.body or "")  # 1.20 gives no index inside of a list, newer do


async def test_defaults_are_filled_in_and_unknown_fields_dropped(cluster: Cluster) -> None:
    made = await cluster.create(predictive_scaler(colour="blue"))
    assert made["spec"] == {
        "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "digits"},
        "models": ["m"],
        "minReplicas": 1,
        "maxReplicas": 10,
        "mode": "auto",
        "slo": {"latencySeconds": 1},
        "maxUtilization": 1,
        "prior": {"capacityRowsPerSecond": 10, "leadSeconds": 120},
        "scaleIn": {"drainSeconds": 30},
        "scaledBy": "scaler",
        "priority": 1,
        "unitsPerReplica": 1,
        "paused": False,
    }


async def test_status_is_its_own_and_changes_no_generation(cluster: Cluster) -> None:
    await cluster.create({**predictive_scaler(), "status": {"mode": "full"}})
    assert "status" not in await cluster.get(SCALER_API, "PredictiveScaler", "digits")
    change = {"status": {"mode": "floor", "desiredReplicas": 3}, "spec": {"maxReplicas": 99}}
    after = await cluster.merge(SCALER_API, "PredictiveScaler", "digits", change, "status")
    assert (after["status"], after["spec"]["maxReplicas"]) == ({"mode": "floor", "desiredReplicas": 3}, 10)
    assert after["metadata"]["generation"] == 1
    wished = await cluster.merge(SCALER_API, "PredictiveScaler", "digits", {"spec": {"maxReplicas": 12}})
    assert (wished["metadata"]["generation"], wished["status"]["mode"]) == (2, "floor")


async def test_a_status_that_is_no_status_is_refused(cluster: Cluster) -> None:
    await cluster.create(predictive_scaler())
    nonsense = {"status": {"conditions": [{"type": "Active", "status": "maybe"}]}}
    with pytest.raises(ApiException) as refused:
        await cluster.merge(SCALER_API, "PredictiveScaler", "digits", nonsense, "status")
    assert refused.value.status == 422


async def test_what_kubectl_get_shows(cluster: Cluster) -> None:
    await cluster.create(predictive_scaler())
    status = {"mode": "floor", "desiredReplicas": 3, "readyReplicas": 2, "lead": {"p95Seconds": 41.5}}
    await cluster.merge(SCALER_API, "PredictiveScaler", "digits", {"status": status}, "status")
    path = cluster.path(SCALER_API, "PredictiveScaler")
    table = await cluster.api.request("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    shown = {
        column["name"]: cell
        for column, cell in zip(table["columnDefinitions"], table["rows"][0]["cells"], strict=True)
        if column["priority"] == 0
    }
    del shown["Age"]
    assert shown == {
        "Name": "digits",
        "Target": "digits",
        "Mode": "floor",
        "Desired": 3,
        "Ready": 2,
        "Lead": 41.5,
        "Active": None,
    }
