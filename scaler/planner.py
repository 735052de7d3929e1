"""The planner: one tick's readings in, one explained decision out. PURE; production, dry run and simulator share it.

Terms (forecast, reactive, hpa) each ask for a number of replicas; the mode combines them; named adjustments change
the result in a fixed order. Missing data is an answer of its own: hold.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from scaler import adjustments, hpa, risk
from scaler.observation import Observation, PoolForecast, PoolSpec, Wishes
from scaler.trust import Trust, judge
from scaler.wording import figure
from tidegate.shared.values import QUANTILES, Adjustment, Mode, Plan, PlanInputs, Term


@dataclass(frozen=True, slots=True)
class Memory:
    """What one pool's planner carries from tick to tick."""

    trust: Trust = field(default_factory=Trust)
    baseline: hpa.HpaMemory = field(default_factory=hpa.HpaMemory)
    wanted: Wishes = ()
    """(when, replicas) wanted within the last lead, falling: an earlier, smaller wish can't be the highest again."""


def plan(spec: PoolSpec, observation: Observation, memory: Memory) -> tuple[Plan, Memory]:
    """The decision for this tick, and what to remember for the next."""
    forecast = observation.forecast
    earned = judge(memory.trust, forecast.skill if forecast else None)
    judged = earned if spec.mode is None else Trust(spec.mode, spec.mode_reason)
    baseline, baseline_memory = _baseline_term(spec, observation, memory.baseline)
    terms = (_forecast_term(spec, observation), _reactive_term(spec, observation), baseline)
    held = _no_data(observation)
    steps: list[tuple[str, Callable[[int], adjustments.Step]]]
    if held:
        combined, recent = observation.asked, memory.wanted
        steps = [
            ("hold", lambda wanted: (wanted, held)),
            ("bounds", lambda wanted: (max(wanted, spec.min_replicas), f"min_replicas is {spec.min_replicas}")),
        ]
    else:
        combined = combine(judged.mode, terms, observation.asked)
        recent = _remember(memory.wanted, observation, combined)
        steps = [
            ("awake", lambda wanted: adjustments.awake(wanted, observation)),
            ("hold-down", lambda wanted: adjustments.hold_down(wanted, spec, observation, judged.mode)),
            ("settle", lambda wanted: adjustments.settle(wanted, recent, observation, judged.mode)),
            ("rate limit", lambda wanted: adjustments.rate_limit(wanted, spec, observation)),
            ("bounds", lambda wanted: adjustments.bounds(wanted, spec)),
        ]
    desired, made = _adjust(combined, steps)
    decided = Plan(
        pool=spec.name,
        at_s=observation.now_s,
        mode=judged.mode,
        mode_reason=judged.reason,
        ready=observation.ready,
        asked=observation.asked,
        desired=desired,
        inputs=_inputs(observation),
        terms=terms,
        adjustments=made,
    )
    return decided, Memory(earned, baseline_memory, recent)


def combine(mode: Mode, terms: tuple[Term, ...], asked: int) -> int:
    """The terms that the mode listens to, the highest of them; what is asked for already when none has an answer.

    In `full` the baseline has no say unless the forecast has no answer: then it stands in.
    """
    forecast, reactive, baseline = terms
    if mode is Mode.SHADOW:
        heard = [baseline]
    elif mode is Mode.FLOOR or forecast.replicas is None:
        heard = [forecast, reactive, baseline]
    else:
        heard = [forecast, reactive]
    return max((term.replicas for term in heard if term.replicas is not None), default=asked)


def _no_data(observation: Observation) -> str:
    missing = [
        name
        for name, value in (
            ("demand", observation.demand_rows_per_s),
            ("outstanding work", observation.outstanding_rows),
        )
        if value is None
    ]
    return f"no reading of {' and '.join(missing)}: what is there stays" if missing else ""


def _adjust(
    wanted: int, steps: list[tuple[str, Callable[[int], adjustments.Step]]]
) -> tuple[int, tuple[Adjustment, ...]]:
    made = []
    for name, step in steps:
        after, reason = step(wanted)
        if after != wanted or name == "hold":
            made.append(Adjustment(name, wanted, after, reason))
        wanted = after
    return wanted, tuple(made)


def _remember(wanted: Wishes, observation: Observation, now: int) -> Wishes:
    since = observation.now_s - observation.lead.seconds
    return (*((at, count) for at, count in wanted if at > since and count > now), (observation.now_s, now))


def _forecast_term(spec: PoolSpec, observation: Observation) -> Term:
    forecast = observation.forecast
    if forecast is None:
        return Term("forecast", None, observation.forecast_note)
    window = _window(forecast, observation)
    choice = risk.choose(spec, observation, forecast.paths_rows_per_s, forecast.step_s)
    peak = np.quantile(window.max(axis=1, initial=0.0), (0.5, 0.95))
    reason = (
        f"peaks in {figure(observation.window_s)} s: {figure(peak[0])} rows/s at 50 %, {figure(peak[1])} at 95 %; "
        f"{choice.replicas} carry {choice.carries:.1%} of them, {figure(choice.late_rows)} late rows expected"
    )
    if choice.replicas:
        reason += f", {figure(choice.one_less_late_rows)} with one less"
    return Term("forecast", choice.replicas, f"{reason}; {forecast.note}" if forecast.note else reason)


def _reactive_term(spec: PoolSpec, observation: Observation) -> Term:
    """The HPA's formula on outstanding rows, but no more than would clear them within a lead of getting ready."""
    outstanding, demand = observation.outstanding_rows, observation.demand_rows_per_s
    if outstanding is None:
        return Term("reactive", None, "no reading of outstanding work")
    rate = risk.planning_rate(spec, observation)
    target = _target_rows(spec, observation)
    if observation.ready == 0:
        work = outstanding > 0 or (demand or 0.0) > 0
        reason = f"none ready, {figure(outstanding)} rows wait" if work else "none ready, nothing waits"
        return Term("reactive", max(1, observation.asked) if work else 0, reason)
    ratio = outstanding / observation.ready / target
    wanted = hpa.proportional(observation.ready, observation.starting, ratio, spec.hpa.tolerance)
    reason = f"{figure(outstanding)} rows outstanding on {observation.ready} ready, target {figure(target)} each"
    if demand is not None:
        lead_s = max(observation.lead.seconds, spec.slo_wait_s)
        useful = math.ceil((demand + outstanding / lead_s) / rate - 1e-9)
        if wanted > max(useful, observation.asked):
            reason += (
                f", asks for {wanted}; {useful} serve {figure(demand)} rows/s and clear it within {figure(lead_s)} s"
            )
            wanted = max(useful, observation.asked)
    return Term("reactive", wanted, reason)


def _baseline_term(spec: PoolSpec, observation: Observation, memory: hpa.HpaMemory) -> tuple[Term, hpa.HpaMemory]:
    """What the HPA would do here on utilisation and on outstanding work; of several metrics the largest wins.

    Utilisation alone (served work over what the ready replicas can do) can't pass 1, however long the queue.
    """
    ratios = {}
    served, can = observation.served_rows_per_s, observation.ready * observation.capacity.rows_per_s
    if served is not None and can > 0:
        ratios["utilisation"] = served / can / spec.hpa.target
    if observation.outstanding_rows is not None and observation.ready > 0:
        ratios["outstanding work"] = observation.outstanding_rows / observation.ready / _target_rows(spec, observation)
    answer, reason, after = hpa.decide(
        spec.hpa,
        memory,
        observation.now_s,
        observation.ready,
        observation.starting,
        ratios,
        (spec.min_replicas, spec.max_replicas),
    )
    return Term("hpa", answer, reason), after


def _target_rows(spec: PoolSpec, observation: Observation) -> float:
    """Outstanding rows that a replica should have: by Little's law, half of the wait that the SLO allows."""
    return spec.target_outstanding_rows or observation.capacity.rows_per_s * spec.slo_wait_s / 2


def _window(forecast: PoolForecast, observation: Observation) -> np.ndarray:
    steps = max(1, round(observation.window_s / forecast.step_s))
    return forecast.paths_rows_per_s[:, :steps]


def _inputs(observation: Observation) -> PlanInputs:
    inputs = PlanInputs(
        lead_s=observation.lead.seconds,
        lead_source=observation.lead.source,
        capacity_rows_per_s=observation.capacity.rows_per_s,
        capacity_source=observation.capacity.source,
        window_s=observation.window_s,
        demand_rows_per_s=observation.demand_rows_per_s,
        outstanding_rows=observation.outstanding_rows,
    )
    forecast = observation.forecast
    if forecast is None:
        return inputs
    peaks = np.quantile(_window(forecast, observation).max(axis=1, initial=0.0), QUANTILES)
    return dataclasses.replace(
        inputs,
        quantiles=QUANTILES,
        window_max_rows_per_s=tuple(float(peak) for peak in peaks),
        skill_vs_seasonal_naive=forecast.skill.vs_seasonal_naive,
        skill_vs_last_value=forecast.skill.vs_last_value,
    )
