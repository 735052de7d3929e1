"""One pool from tick to tick: readings in, an explained decision out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from scaler import overrides, planner, savings
from scaler.capacity import STRAINED, pool_capacity, under_load
from scaler.capacity import update as update_capacity
from scaler.decision import Decision, Proposal
from scaler.demand import grid, pool_forecast
from scaler.events import note
from scaler.fleet import FleetView
from scaler.lead import KEPT_STARTS, pool_lead, quick_lead_s
from scaler.metrics import Metrics
from scaler.observation import Observation, PoolForecast, PoolSpec
from scaler.outlook import EVERY_S, Slot, hour_ahead, outlook
from scaler.overrides import AuditEntry, Kind, Override
from scaler.pools import pool_events, pool_spec
from scaler.readings import PoolReading
from scaler.settings import PoolSettings
from scaler.store import Store
from tidegate.shared.values import BackendStatus, Forecast, Plan
from tidegate.shared.wire_scaling import MODE_OF

_log = structlog.get_logger(__name__)


class Pool:
    """One pool: its measured figures, and its planner's memory."""

    def __init__(self, settings: PoolSettings, tick_s: float, store: Store, metrics: Metrics) -> None:
        self.wish(settings)
        self.view = FleetView(0, (), 0)
        self.plan: Plan | None = None
        self._tick_s = tick_s
        self._store = store
        self._metrics = metrics
        self._memory, self.savings = store.memory(settings.name)
        self.overrides: dict[Kind, Override] = {}
        self._known_overrides: tuple[Override, ...] = ()
        last = store.plan_at(settings.name, math.inf)
        self._mode = None if last is None else MODE_OF.get(last.mode)
        self._planned_at_s = math.inf if last is None else last.at_s
        self._leads_s = store.leads_s(settings.name)
        self._capacity = store.capacity(settings.name)
        self.look_ahead_at_s = 0.0
        self._hour: Mapping[str, Forecast] | None = None
        self._outlook: tuple[Slot, ...] = ()

    def wish(self, settings: PoolSettings) -> None:
        """What is wished for from now on; what was measured and remembered stays."""
        self.settings = settings
        self.spec = pool_spec(settings)
        self.events = pool_events(settings)

    @property
    def ours(self) -> bool:
        """Whether this scaler, when it acts, carries the plans out."""
        return self.settings.scaled_by == "scaler"

    @property
    def horizon_s(self) -> float:
        """How far ahead the planner looks: the decision window, and another lead for the hold-down."""
        return 2 * pool_lead(self._leads_s, self.settings.prior_lead_s).seconds + self._tick_s

    def next_ready_in_s(self, now_s: float) -> float | None:
        """Seconds until the next of the replicas on their way should be ready; None when there is none, when no start
        was measured, or when one is overdue."""
        quick_s = quick_lead_s(self._leads_s)
        first_asked_s = min(self.view.starting_asked_at_s, default=None)
        if quick_s is None or first_asked_s is None:
            return None
        left_s = first_asked_s + quick_s - now_s
        return left_s if left_s > 0 else None

    def propose(
        self,
        now_s: float,
        reading: PoolReading,
        view: FleetView,
        forecasts: tuple[dict[str, Forecast], dict[str, str]],
        overridden: Sequence[Override],
    ) -> Proposal:
        """Measure and plan. `overridden` is the last override of each kind, also those that no longer count."""
        ready_before, self.view = self.view.ready, view
        self._measure(now_s, reading, ready_before)
        self._metrics.load(self.spec.name, reading.load)
        self._take_overrides(now_s, overridden)
        spec = overrides.with_mode(self.spec, self.overrides.get(Kind.MODE))
        observation = self._observation(now_s, reading, forecasts)
        self._look_out(spec, observation, reading)
        self.savings = savings.lived(self.savings, self.spec, observation)
        plan, self._memory = planner.plan(spec, observation, self._memory)
        plan = overrides.pinned(plan, self.overrides.get(Kind.PIN), spec)
        pause = self.overrides.get(Kind.PAUSE)
        why = pause.words if pause else "its setting paused is true" if self.settings.paused else ""
        return Proposal(spec, observation, overrides.paused(plan, why), why)

    def look_ahead(self, now_s: float, forecasts: Mapping[str, Forecast]) -> None:
        """Take forecasts of the next hour in; the next proposal says what they are going to ask for."""
        self._hour, self.look_ahead_at_s = forecasts, now_s + EVERY_S

    def _look_out(self, spec: PoolSpec, observation: Observation, reading: PoolReading) -> None:
        if self._hour is not None:
            ahead = hour_ahead(self._hour, reading.cost_rows, reading.demand_rps or {}, observation.now_s)
            self._outlook = () if ahead is None else outlook(spec, observation, ahead)
            self._hour = None

    def settle(self, proposal: Proposal, plan: Plan, *, acts: bool) -> Decision:
        """Keep the plan that came of a proposal; `acts` when this scaler carries plans out."""
        if self._mode not in (None, plan.mode):
            who, what = "trust" if proposal.spec.mode is None else "wish", f"mode {self._mode} becomes {plan.mode}"
            self._store.add_audit([AuditEntry(plan.at_s, plan.pool, who, what, plan.mode_reason)])
            _log.info("mode", pool=plan.pool, before=self._mode, mode=plan.mode, why=plan.mode_reason)
        self.plan, self._mode, self._planned_at_s = plan, plan.mode, plan.at_s
        self._store.add_plan(plan, dry_run=not (acts and self.ours))
        self._store.set_memory(plan.pool, self._memory, self.savings)
        self._metrics.planned(plan, self.view)
        error = proposal.observation.capacity.relative_error
        return Decision(plan, error, tuple(self._leads_s), proposal.paused, self._outlook)

    def _take_overrides(self, now_s: float, overridden: Sequence[Override]) -> None:
        news = overrides.noticed(self.spec.name, self._known_overrides, overridden, self._planned_at_s, now_s)
        for one in news:
            _log.info("override", pool=one.pool, who=one.who, what=one.what, why=one.why)
        self._store.add_audit(news)
        self._known_overrides = tuple(overridden)
        self.overrides = overrides.in_force(overridden, now_s)
        self._metrics.overridden(self.spec.name, self.overrides)

    def _measure(self, now_s: float, reading: PoolReading, ready_before: int) -> None:
        for lead_s in self.view.leads_s:
            _log.info("replica ready", pool=self.spec.name, lead_s=round(lead_s, 3))
            self._store.add_start(self.spec.name, now_s, lead_s)
        self._leads_s = [*self._leads_s, *self.view.leads_s][-KEPT_STARTS:]
        reports = [one.capacity_rows_per_s for one in reading.backends.values() if one.status is BackendStatus.READY]
        known = update_capacity(self._capacity, reports, self.spec.models)
        load, served = reading.load, reading.served_rows_per_s
        strained = (load.busy_share or 0.0) >= STRAINED and (load.queue_wait_s or 0.0) >= self.spec.slo_wait_s / 2
        if served and strained and ready_before == self.view.ready:
            known = under_load(
                known, served, ready_before, self._work(reading), self.settings.prior_capacity_rows_per_s
            )
        if known != self._capacity:
            self._capacity = known
            self._store.set_capacity(self.spec.name, known)

    def _observation(
        self, now_s: float, reading: PoolReading, forecasts: tuple[dict[str, Forecast], dict[str, str]]
    ) -> Observation:
        lead = pool_lead(self._leads_s, self.settings.prior_lead_s)
        ahead, why = self._forecast(now_s, reading, forecasts, lead.seconds + self._tick_s)
        return Observation(
            now_s=now_s,
            tick_s=self._tick_s,
            ready=self.view.ready,
            starting_ready_in_s=self.view.starting_ready_in_s(now_s, lead.seconds, self._tick_s),
            lead=lead,
            capacity=pool_capacity(self._capacity, self._work(reading), self.settings.prior_capacity_rows_per_s),
            demand_rows_per_s=reading.demand_rows_per_s,
            served_rows_per_s=reading.served_rows_per_s,
            outstanding_rows=reading.outstanding_rows,
            load=reading.load,
            forecast=ahead,
            forecast_note=why,
        )

    def _work(self, reading: PoolReading) -> dict[str, float]:
        """Rows/s offered, by model."""
        demand_rps = reading.demand_rps or {}
        return {model: demand_rps.get(model, 0.0) * reading.cost_rows[model] for model in self.spec.models}

    def _forecast(
        self,
        now_s: float,
        reading: PoolReading,
        forecasts: tuple[dict[str, Forecast], dict[str, str]],
        window_s: float,
    ) -> tuple[PoolForecast | None, str]:
        found, reasons = forecasts
        ahead = pool_forecast(
            found,
            reading.cost_rows,
            reading.demand_rps or {},
            now_s,
            self.horizon_s,
            grid(window_s, self._tick_s),
            self._tick_s,
        )
        if ahead is not None:
            ahead = replace(ahead, note="; ".join(filter(None, (ahead.note, note(self.events, now_s, self.horizon_s)))))
        missing = "; ".join(f"{model}: {why}" for model, why in reasons.items())
        return ahead, missing or "the forecasts carry no sample paths, or end before now"
