"""PredictiveScalers in, statuses out."""

import copy
import dataclasses
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from scaler.decision import Decision
from scaler.kubernetes.status import Condition, conditions, news, status, worth_writing
from scaler.kubernetes.wishes import overridden, wish
from scaler.settings import PoolSettings
from scaler.wording import plan_reason
from tidegate.shared.values import Adjustment, Mode, Plan, PlanInputs, Term

LEADS_S = {"gpu": [20.0, 10.0, 70.0], "": [5.0]}
DEFINITION = Path(__file__).parents[3] / "k8s" / "base" / "crd.yaml"
ACTIVE = Condition("Active", True, "Scaling", "plans are carried out")
INPUTS = PlanInputs(41.234, "measured (9 starts)", 12.345, "prior", 46.0, 10.0, 0.0, (0.5, 0.95), (20.04, 31.5), 0.21)
PLAN = Plan(
    "p", 0.0, Mode.FLOOR, "earned", 2, 2, 3, INPUTS, (Term("forecast", 3, "a peak"), Term("hpa", None, "no data"))
)


def schema_of_spec() -> dict[str, Any]:
    version = yaml.safe_load(DEFINITION.read_text())["spec"]["versions"][0]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def filled_in(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """`value` with the schema's defaults, as the API server fills them in."""
    fields = schema.get("properties", {})
    known = {name: field["default"] for name, field in fields.items() if "default" in field} | value
    return {name: filled_in(fields[name], one) if isinstance(one, dict) else one for name, one in known.items()}


def thing(**spec: Any) -> dict[str, Any]:
    """As the API server hands one out: defaults filled in."""
    least = {"target": {"name": "digits"}, "models": ["m"], "maxReplicas": 10}
    meta = {"name": "digits", "uid": "u", "creationTimestamp": "2026-03-01T12:00:00Z", "generation": 4}
    return {"metadata": meta, "spec": filled_in(schema_of_spec(), least | spec)}


def test_a_wish_becomes_the_settings_of_a_pool() -> None:
    event = {"name": "launch", "start": "2026-03-01T12:00:00Z", "end": "2026-03-01T13:00:00Z", "factor": 3}
    found = wish(thing(scaleOut={"maxPerDecision": 4}, events=[event], slo={"latencySeconds": 0.25}))
    assert (found.name, found.generation, found.drain_s, str(found.target)) == ("digits", 4, 30, "Deployment digits")
    pool = found.pool
    assert pool is not None
    assert (pool.name, pool.models, pool.max_added_per_tick, pool.slo_latency_s) == ("digits", ("m",), 4, 0.25)
    assert pool.events[0].factor == 3


def test_a_pool_is_the_same_by_default_in_a_resource_and_in_a_file() -> None:
    assert wish(thing()).pool == PoolSettings(name="digits", models=("m",), max_replicas=10)


def test_a_resource_may_wish_for_every_mode_that_a_file_may() -> None:
    modes = schema_of_spec()["properties"]["mode"]["enum"]
    assert modes == list(get_args(PoolSettings.model_fields["mode"].annotation))


@pytest.mark.parametrize(
    ("spec", "price"),
    [
        ({"slo": {"share": 0.99}, "prior": {"capacityRowsPerSecond": 20}}, 5.0),
        ({"slo": {"share": 0.99}, "missPrice": 7}, 7.0),
    ],
)
def test_the_price_of_a_miss_follows_from_the_share_unless_it_is_given(spec: dict[str, Any], price: float) -> None:
    pool = wish(thing(**spec)).pool
    assert pool is not None
    assert pool.miss_price == pytest.approx(price)


def test_what_a_schema_can_not_say_is_said_here() -> None:
    found = wish(thing(minReplicas=11))
    assert found.pool is None
    assert "min_replicas = 11 is more than max_replicas = 10" in found.invalid


@pytest.mark.parametrize(
    ("kind", "value", "counts"),
    [
        ("pin", "12", True),
        ("pin", "many", False),
        ("mode", "floor", True),
        ("mode", "fast", False),
        ("pause", "on", True),
    ],
)
def test_an_override_that_somebody_wrote_by_hand_counts_only_if_it_makes_sense(
    kind: str, value: str, counts: bool
) -> None:
    times = {"at": "2026-03-01T12:00:00Z", "until": "2026-03-01T13:00:00Z"}
    written = {"kind": kind, "value": value, "reason": "by hand", "by": "kubectl", **times}
    found = overridden({"status": {"overrides": [written]}})
    assert [(str(one.kind), one.value) for one in found] == ([(kind, value)] if counts else [])


def whole(before: dict[str, Any] | None = None, now_s: float = 0.0, active: Condition = ACTIVE) -> dict[str, Any]:
    decision = Decision(PLAN, 0.05, (30.0, 41.234))
    return status(decision, 4, 2, conditions(decision, active, ""), before or {}, now_s, LEADS_S)


def test_a_whole_status() -> None:
    shown = whole()
    assert {key: shown[key] for key in ("replicas", "desiredReplicas", "readyReplicas", "mode")} == {
        "replicas": 2,
        "desiredReplicas": 3,
        "readyReplicas": 2,
        "mode": "floor",
    }
    assert shown["lead"] == {
        "p50Seconds": 30.0,
        "p95Seconds": 41.2,
        "source": "measured (9 starts)",
        "nodePools": [{"name": "gpu", "p50Seconds": 20.0, "p95Seconds": 70.0, "starts": 3}],
    }
    assert shown["forecast"] == {
        "windowSeconds": 46.0,
        "peakP50RowsPerSecond": 20.0,
        "peakP95RowsPerSecond": 31.5,
        "skillVsSeasonalNaive": 0.21,
    }
    assert [(one["type"], one["status"]) for one in shown["conditions"]] == [
        ("Active", "True"),
        ("ReplicasComing", "True"),
        ("DataAvailable", "True"),
        ("ScalingLimited", "False"),
    ]


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    first = whole(now_s=100.0)
    other = whole(first, 200.0, Condition("Active", True, "Other", "still"))
    assert other["conditions"][0]["lastTransitionTime"] == first["conditions"][0]["lastTransitionTime"]
    paused = whole(first, 300.0, Condition("Active", False, "Paused", "by hand"))
    assert paused["conditions"][0]["lastTransitionTime"] == "1970-01-01T00:05:00Z"


def test_nothing_is_written_when_nothing_changed_and_figures_only_now_and_then() -> None:
    before = whole()
    assert not worth_writing(before, copy.deepcopy(before), age_s=1e9, period_s=30.0)
    figures = {**before, "lead": {**before["lead"], "p95Seconds": 50.0}}
    assert not worth_writing(before, figures, age_s=29.0, period_s=30.0)
    assert worth_writing(before, figures, age_s=30.0, period_s=30.0)
    assert worth_writing(before, {**before, "readyReplicas": 3}, age_s=0.0, period_s=30.0)


def test_changes_are_news_and_a_good_start_is_not() -> None:
    first = whole()
    assert news({}, first) == []
    paused = whole(first, 1.0, Condition("Active", False, "Paused", "by hand"))
    assert [(one.type, one.true, one.reason) for one in news(first, paused)] == [("Active", False, "Paused")]
    assert [one.reason for one in news({}, paused)] == ["Paused"]
    assert news(paused, copy.deepcopy(paused)) == []


def test_the_reason_is_the_step_that_bound_or_the_term_that_asks_for_most() -> None:
    assert plan_reason(PLAN) == "forecast: a peak"
    bound = dataclasses.replace(PLAN, adjustments=(Adjustment("bounds", 5, 3, "max_replicas is 3"),))
    assert plan_reason(bound) == "bounds: max_replicas is 3"
    assert plan_reason(dataclasses.replace(PLAN, terms=())) == "no term has data"
