"""Prometheus metrics of the scaler, by pool."""

import math
from collections.abc import Container, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from scaler.decision import Proposal
from scaler.fleet import FleetView, Start
from scaler.overrides import Kind
from scaler.readings import Load
from tidegate.shared.values import Mode, Plan

_MODES = {Mode.SHADOW: 0, Mode.FLOOR: 1, Mode.FULL: 2, Mode.HPA: 3}

STARTUP_BOUNDS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1200.0)


class Metrics:
    """Gauges of the last decision, counters of what happened."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._by_pool: list[Gauge | Counter | Histogram] = []

        def gauge(name: str, help_: str, *labels: str) -> Gauge:
            made = Gauge(f"tidegate_scaler_{name}", help_, ("pool", *labels), registry=registry)
            self._by_pool.append(made)
            return made

        def counter(name: str, help_: str) -> Counter:
            made = Counter(f"tidegate_scaler_{name}", help_, ("pool",), registry=registry)
            self._by_pool.append(made)
            return made

        self._replicas = gauge("replicas", "Replicas now.", "state")
        self._desired = gauge("desired_replicas", "Replicas that the last plan asks for.")
        self._term = gauge("term_replicas", "Replicas that each term of the last plan asks for.", "term")
        self._mode = gauge("mode", "Mode in force: 0 shadow, 1 floor, 2 full, 3 HPA.")
        self._override = gauge("override", "1 while people have pinned, paused or set the mode of the pool.", "kind")
        self._lead = gauge("lead_seconds", "p95 of the time from asked to ready.")
        self._capacity = gauge("capacity_rows_per_second", "Work that one replica can do.")
        self._demand = gauge("demand_rows_per_second", "Work offered.")
        self._outstanding = gauge("outstanding_rows", "Work sent to replicas or held at routers.")
        self._budget = Gauge(
            "tidegate_scaler_budget_units",
            "Units (budget_units) that all pools together want, get, and may have at most.",
            ("of",),
            registry=registry,
        )
        self._load = {
            "busy_share": gauge("busy_ratio", "Share of their time that ready replicas are busy."),
            "queue_wait_s": gauge("queue_wait_seconds", "Work that waits in a ready replica."),
            "error_share": gauge("error_ratio", "Share of requests that failed or were refused, not by the client."),
        }
        self._plans = counter("plans", "Decisions made.")
        self._held = counter("holds", "Decisions to hold because data was missing.")
        self._startup = Histogram(
            "tidegate_scaler_startup_seconds",
            "Starts that came to their end: asked for to ready (total), and their parts where they are known.",
            ("pool", "node_pool", "stage"),
            buckets=STARTUP_BOUNDS_S,
            registry=registry,
        )
        self._by_pool.append(self._startup)
        self._failed_starts = counter("failed_starts", "Replicas that died before they were ready.")
        self._acting = Gauge(
            "tidegate_scaler_acting",
            "1 where plans are carried out; 0 in a dry run, and in a scaler that another one leads.",
            registry=registry,
        )
        self._lost_writes = Counter(
            "tidegate_scaler_lost_writes",
            "Plans, start-ups and capacities that the store did not take.",
            registry=registry,
        )

    def forget(self, pool: str) -> None:
        """Show nothing more of a pool that is gone: its last figures would stand for ever, and alerts with them."""
        for metric in self._by_pool:
            metric.remove_by_labels({"pool": pool})

    def lost_write(self) -> None:
        """Count what the store did not take."""
        self._lost_writes.inc()

    def acts(self, yes: bool) -> None:
        """Say whether plans are carried out here."""
        self._acting.set(yes)

    def load(self, pool: str, load: Load) -> None:
        """Say how the ready replicas fare."""
        for name, gauge in self._load.items():
            value = getattr(load, name)
            gauge.labels(pool).set(math.nan if value is None else value)

    def overridden(self, pool: str, kinds: Container[Kind]) -> None:
        """Say what people override now."""
        for kind in Kind:
            self._override.labels(pool, kind).set(kind in kinds)

    def budget(self, proposals: Iterable[Proposal], plans: Iterable[Plan], budget_units: int | None) -> None:
        """Say what pools want together, what they get, and the limit."""
        pairs = [(one, plan) for one, plan in zip(proposals, plans, strict=True)]
        figures = {
            "wanted": sum(one.plan.desired * one.spec.units_per_replica for one, _ in pairs),
            "granted": sum(plan.desired * one.spec.units_per_replica for one, plan in pairs),
            "limit": math.inf if budget_units is None else budget_units,
        }
        for name, value in figures.items():
            self._budget.labels(name).set(value)

    def planned(self, plan: Plan, view: FleetView) -> None:
        """Take in one decision."""
        pool = plan.pool
        states = (
            ("ready", view.ready),
            ("starting", view.starting),
            ("stopping", view.stopping),
            ("failing", view.failed_starts),
        )
        for state, count in states:
            self._replicas.labels(pool, state).set(count)
        self._desired.labels(pool).set(plan.desired)
        for term in plan.terms:
            self._term.labels(pool, term.name).set(float("nan") if term.replicas is None else term.replicas)
        self._mode.labels(pool).set(_MODES[plan.mode])
        self._lead.labels(pool).set(plan.inputs.lead_s)
        self._capacity.labels(pool).set(plan.inputs.capacity_rows_per_s)
        for gauge, value in (
            (self._demand, plan.inputs.demand_rows_per_s),
            (self._outstanding, plan.inputs.outstanding_rows),
        ):
            gauge.labels(pool).set(float("nan") if value is None else value)
        self._plans.labels(pool).inc()
        if any(one.name == "hold" for one in plan.adjustments):
            self._held.labels(pool).inc()
        self._failed_starts.labels(pool).inc(view.died_starting)
        for start in view.starts or [Start(lead_s, "", ()) for lead_s in view.leads_s]:
            for stage, seconds in (("total", start.lead_s), *start.stages_s):
                self._startup.labels(pool, start.node_pool, stage).observe(seconds)
