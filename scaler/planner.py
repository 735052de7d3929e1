"""The planner: one tick's readings in, one explained decision out. PURE; production, dry run and simulator share it.

Terms (`scaler/terms.py`) each ask for a number of replicas; the mode combines them; named adjustments change the result
in a fixed order. Missing data is an answer of its own: hold.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from scaler import adjustments, counterfactual, hpa
from scaler.counterfactual import COMPARED, Worlds, with_headroom
from scaler.falls import Falls, watched
from scaler.nowcast import nowcast
from scaler.observation import Observation, PoolSpec, Wishes, latest
from scaler.terms import forecast_term, hpa_term, peaks, reactive_term, tracking_term
from scaler.trust import Trust, judge, wished
from tidegate.shared.values import QUANTILES, Adjustment, Mode, Plan, PlanInputs, Term

HEARD = {
    Mode.SHADOW: ("reactive", "tracking"),
    Mode.FLOOR: ("forecast", "reactive", "tracking"),
    Mode.FULL: ("forecast", "reactive"),
    Mode.HPA: ("hpa",),
}
"""The terms that a mode listens to; the highest of them counts."""


Steps = list[tuple[str, Callable[[int], adjustments.Step]]]


@dataclass(frozen=True, slots=True)
class Memory:
    """What one pool's planner carries from tick to tick."""

    trust: Trust = field(default_factory=Trust)
    worlds: Worlds = field(default_factory=Worlds)
    baseline: hpa.HpaMemory = field(default_factory=hpa.HpaMemory)
    tracked: Wishes = ()
    """What target tracking asked for within the time that it lets go by."""
    wanted: Wishes = ()
    """What was wanted within the last lead."""
    foreseen: int = 0
    """What the forecast term asked for last."""
    falls: Falls = field(default_factory=Falls)


def plan(spec: PoolSpec, observation: Observation, memory: Memory) -> tuple[Plan, Memory]:
    """The decision for this tick, and what to remember for the next."""
    falls = watched(memory.falls, observation)
    observation = _up_to_now(observation)
    skill = observation.forecast.skill if observation.forecast else None
    worlds = counterfactual.lived(memory.worlds, spec, observation)
    if falls.began_at_s == observation.now_s:  # demand was back: what the last fall had to teach is known
        worlds = dataclasses.replace(worlds, fell_at_s=None)
    slow_s = max(observation.lead.seconds, observation.tick_s)
    earned = judge(memory.trust, skill, worlds, slow_s, spec.miss_price)
    trust = (
        earned
        if spec.mode is None
        else wished(memory.trust, spec.mode, spec.mode_reason, worlds, slow_s, spec.miss_price)
    )
    tracking, tracked = tracking_term(spec, observation, memory.tracked)
    baseline, baseline_memory = hpa_term(spec, observation, memory.baseline)
    foreseen = forecast_term(spec, observation, memory.foreseen)
    terms = (foreseen, reactive_term(spec, observation), tracking, baseline)
    held = _no_data(observation)
    combined = lasting = observation.asked
    recent = memory.wanted
    if not held:
        combined = lasting = combine(trust.mode, terms, observation.asked)
        planned = {mode: combine(mode, (foreseen, tracking), observation.asked) for mode in COMPARED}
        worlds = counterfactual.asked(worlds, spec, observation, planned, falls.began_at_s)
        with_room = combined
        if trust.mode in planned:
            lasting = worlds.lasting(trust.mode, trust.stays_leads * observation.lead.seconds)
            with_room = max(with_headroom(lasting, trust.headroom), _reactive(terms))
        recent = latest(memory.wanted, observation.now_s, observation.lead.seconds, with_room)
    desired, made = _adjust(combined, _steps(spec, observation, trust, held, lasting, recent))
    decided = Plan(
        pool=spec.name,
        at_s=observation.now_s,
        mode=trust.mode,
        mode_reason=trust.reason,
        ready=observation.ready,
        asked=observation.asked,
        desired=desired,
        inputs=_inputs(observation),
        terms=terms,
        adjustments=made,
    )
    remembered = Memory(earned, worlds, baseline_memory, tracked, recent, foreseen.replicas or memory.foreseen, falls)
    return decided, remembered


def _steps(spec: PoolSpec, observation: Observation, trust: Trust, held: str, lasting: int, recent: Wishes) -> Steps:
    """The adjustments, in their order; `lasting` is what a fall of demand leaves standing, and `recent`
    ends with what is wanted now, headroom included."""
    if held:
        least = f"min_replicas is {spec.min_replicas}"
        return [
            ("hold", lambda wanted: (wanted, held)),
            ("bounds", lambda wanted: (max(wanted, spec.min_replicas), least)),
        ]
    return [
        ("fall", lambda wanted: adjustments.fall(wanted, lasting, trust.stays_leads * observation.lead.seconds)),
        ("headroom", lambda _: adjustments.headroom(recent[-1][1], trust.headroom)),
        ("awake", lambda wanted: adjustments.awake(wanted, observation)),
        ("settle", lambda wanted: adjustments.settle(wanted, recent, observation, trust.mode)),
        ("rate limit", lambda wanted: adjustments.rate_limit(wanted, spec, observation)),
        ("bounds", lambda wanted: adjustments.bounds(wanted, spec)),
    ]


def combine(mode: Mode, terms: tuple[Term, ...], asked: int) -> int:
    """The highest of the terms that the mode listens to; what is asked for already when none of them has an answer.

    Where the forecast has no answer, the mode is shadow for as long.
    """
    silent = any(term.name == "forecast" and term.replicas is None for term in terms)
    heard = HEARD[Mode.SHADOW if silent else mode]
    return max((term.replicas for term in terms if term.name in heard and term.replicas is not None), default=asked)


def _reactive(terms: tuple[Term, ...]) -> int:
    """What outstanding work and the other live signals ask for: no headroom goes below."""
    return max((term.replicas for term in terms if term.name == "reactive" and term.replicas is not None), default=0)


def _up_to_now(observation: Observation) -> Observation:
    """With the forecast that the last tick's demand makes of it."""
    if observation.forecast is None or observation.demand_rows_per_s is None:
        return observation
    forecast = nowcast(observation.forecast, observation.demand_rows_per_s, observation.tick_s)
    return dataclasses.replace(observation, forecast=forecast)


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


def _adjust(wanted: int, steps: Steps) -> tuple[int, tuple[Adjustment, ...]]:
    made = []
    for name, step in steps:
        after, reason = step(wanted)
        if after != wanted or name == "hold":
            made.append(Adjustment(name, wanted, after, reason))
        wanted = after
    return wanted, tuple(made)


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
    return dataclasses.replace(
        inputs,
        quantiles=QUANTILES,
        window_max_rows_per_s=tuple(peaks(forecast, observation, QUANTILES).tolist()),
        skill_vs_seasonal_naive=forecast.skill.vs_seasonal_naive,
        skill_vs_last_value=forecast.skill.vs_last_value,
    )
