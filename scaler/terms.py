"""What each way of deciding asks for. PURE."""

import math
from collections.abc import Sequence

import numpy as np

from scaler import hpa, risk, signals
from scaler.observation import Observation, PoolForecast, PoolSpec, Wishes, latest
from scaler.wording import figure
from tidegate.shared.values import FloatArray, Term


def forecast_term(spec: PoolSpec, observation: Observation, near: int) -> Term:
    """The replicas that are worth having by the forecast (`scaler/risk.py`); `near` is what was asked for last."""
    forecast = observation.forecast
    if forecast is None:
        return Term("forecast", None, observation.forecast_note)
    choice = risk.choose(spec, observation, forecast, near)
    peak = peaks(forecast, observation, (0.5, 0.95))
    reason = (
        f"peaks in {figure(observation.window_s)} s: {figure(peak[0])} rows/s at 50 %, {figure(peak[1])} at 95 %; "
        f"{choice.replicas} carry {choice.carries:.1%} of them, {figure(choice.late_rows)} late rows expected"
    )
    if choice.replicas:
        reason += f", {figure(choice.one_less_late_rows)} with one less"
    return Term("forecast", choice.replicas, f"{reason}; {forecast.note}" if forecast.note else reason)


def reactive_term(spec: PoolSpec, observation: Observation) -> Term:
    """The HPA's formula on outstanding rows, but no more than would clear them within a lead of getting ready.

    Beside that the other signals (`scaler/signals.py`); the one that asks for most counts.
    """
    outstanding, demand = observation.outstanding_rows, observation.demand_rows_per_s
    if outstanding is None:
        return Term("reactive", None, "no reading of outstanding work")
    rate = risk.planning_rate(spec, observation)
    target = target_rows(spec, observation)
    if observation.ready == 0:
        work = outstanding > 0 or (demand or 0.0) > 0
        reason = f"none ready, {figure(outstanding)} rows wait" if work else "none ready, nothing waits"
        return Term("reactive", max(1, observation.asked) if work else 0, reason)
    ratio = outstanding / observation.ready / target
    wanted = hpa.proportional(observation.ready, observation.starting, ratio, spec.hpa.tolerance)
    reason = f"{figure(outstanding)} rows outstanding on {observation.ready} ready, target {figure(target)} each"
    if demand is not None:
        excess = outstanding - spec.slo_wait_s * rate * observation.ready
        more = risk.clearing(spec, rate, max(observation.lead.seconds, spec.slo_wait_s), demand, excess)
        useful = math.ceil((demand + more) / rate - 1e-9)
        if wanted > max(useful, observation.asked):
            reason += f", asks for {wanted}; {useful} serve {figure(demand)} rows/s and clear as fast as is worth it"
            wanted = max(useful, observation.asked)
        asked, words = signals.strongest(spec, observation, useful)
        wanted, reason = max(wanted, asked), f"{reason}; {words}" if words else reason
    return Term("reactive", wanted, reason)


def tracking_term(spec: PoolSpec, observation: Observation, recent: Wishes) -> tuple[Term, Wishes]:
    """Target tracking of the demand: what decides where no forecast may. Scale-in waits as the HPA's does.

    It reads what is offered, not what is served, so that a pool that is short of replicas doesn't hide how short.
    Upwards it has the HPA's tolerance; downwards it would only keep a replica too many.
    """
    demand = observation.demand_rows_per_s
    if demand is None:
        return Term("tracking", None, "no reading of demand"), recent
    needed = demand / (spec.hpa.target * risk.planning_rate(spec, observation))
    wanted = math.ceil(needed - 1e-9)
    reason = f"{figure(demand)} rows/s at a target of {spec.hpa.target:.0%} ask for {wanted}"
    last = recent[-1][1] if recent else 0
    if last < wanted and needed <= (1.0 + spec.hpa.tolerance) * last:
        reason += f"; within the tolerance of {spec.hpa.tolerance:.0%} {last} stay"
        wanted = last
    window_s = spec.hpa.down.stabilization_s
    kept = latest(recent, observation.now_s, window_s, wanted)
    if kept[0][1] > wanted:
        reason += f"; highest of the last {figure(window_s)} s keeps {kept[0][1]}"
    return Term("tracking", kept[0][1], reason), kept


def hpa_term(spec: PoolSpec, observation: Observation, memory: hpa.HpaMemory) -> tuple[Term, hpa.HpaMemory]:
    """What the HPA would do here on utilisation and on outstanding work; of several metrics the largest wins.

    Utilisation alone (served work over what the ready replicas can do) can't pass 1, however long the queue.
    """
    ratios = {}
    served, can = observation.served_rows_per_s, observation.ready * observation.capacity.rows_per_s
    if served is not None and can > 0:
        ratios["utilisation"] = served / can / spec.hpa.target
    if observation.outstanding_rows is not None and observation.ready > 0:
        ratios["outstanding work"] = observation.outstanding_rows / observation.ready / target_rows(spec, observation)
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


def target_rows(spec: PoolSpec, observation: Observation) -> float:
    """Outstanding rows that a replica should have: by Little's law, half of the wait that the SLO allows."""
    return spec.target_outstanding_rows or observation.capacity.rows_per_s * spec.slo_wait_s / 2


def peaks(forecast: PoolForecast, observation: Observation, levels: Sequence[float]) -> FloatArray:
    """Quantiles of the highest demand in the decision window, rows/s, shape (levels,)."""
    highest = risk.highest_rows_per_s(forecast, risk.window_steps(forecast, observation))
    places = np.array(levels) * (len(highest) - 1)
    below = places.astype(np.intp)
    above = np.minimum(below + 1, len(highest) - 1)
    found: FloatArray = highest[below] + (places - below) * (highest[above] - highest[below])
    return found
