"""Plans as tables and words for a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from protos import scaling_pb2 as pb
from scaler.wording import figure
from tidegate.cli.tables import Rows
from tidegate.shared.times import utc
from tidegate.shared.wire_scaling import MODE_OF

STATUS_COLUMNS = (
    *("pool", "mode", "ready", "starting", "stopping", "desired"),
    *("demand", "outstanding", "capacity", "lead"),
)
TERMS = ("forecast", "reactive", "tracking", "hpa")
ENOUGH_S = 600.0
"""A comparison over less time than this says nothing yet."""


def status_view(pools: Iterable[pb.PoolStatus]) -> Group:
    """One row per pool; below, what people override and what was saved."""
    found = list(pools)
    overridden = [f"{one.pool}: {overrides_line(each)}" for one in found for each in one.overrides]
    saved = [f"{one.pool}: {line}" for one in found if (line := savings_line(one))]
    return Group(Rows(STATUS_COLUMNS, map(_status, found)), *map(Text, overridden + saved))


def _status(one: pb.PoolStatus) -> list[str]:
    plan, inputs = one.plan, one.plan.inputs
    planned, mode = one.HasField("plan"), MODE_OF.get(plan.mode, "none yet")
    return [
        one.pool,
        mode if one.wished_mode == mode else f"{mode} ({one.wished_mode})",
        str(one.ready),
        f"{one.starting}" + (f" ({one.failed_starts} failed)" if one.failed_starts else ""),
        str(one.draining),
        str(plan.desired) if planned else "-",
        _known(inputs, "demand_rows_per_s", "rows/s"),
        _known(inputs, "outstanding_rows", "rows"),
        f"{figure(inputs.capacity_rows_per_s)} rows/s" if planned else "-",
        f"{figure(inputs.lead_s)} s" if planned else "-",
    ]


def savings_line(one: pb.PoolStatus) -> str:
    """Replica-seconds and late rows beside those of an HPA in the pool's place; empty when it is too early to say."""
    known = one.savings
    if not one.HasField("savings") or known.seconds < ENOUGH_S or not known.hpa_replica_seconds:
        return ""
    fewer = known.replica_seconds / known.hpa_replica_seconds - 1.0
    late, theirs = (100.0 * rows / max(known.rows, 1.0) for rows in (known.late_rows, known.hpa_late_rows))
    return (
        f"{fewer:+.0%} replica-seconds and {late:.2g}% late, where an HPA in its place had {theirs:.2g}% "
        f"(over {known.seconds / 3600:.2g} h)"
    )


def overrides_line(one: pb.Override) -> str:
    """One override in a line: what, until when, by whom, why."""
    what = one.kind if one.kind == "pause" else f"{one.kind} {one.value}"
    if not one.value:
        return f"{one.kind} taken back by {one.by}"
    return f"{what} until {utc(one.until_s)} by {one.by}: {one.reason}"


def audit_table(entries: Iterable[pb.AuditEntry]) -> Rows:
    """One row per change."""
    rows = (
        (utc(one.at_s), one.pool, one.who, one.what, utc(one.until_s) if one.until_s else "-", one.why)
        for one in entries
    )
    return Rows(("time", "pool", "who", "what", "until", "why"), rows, keys=2, words=True)


def plans_table(plans: Iterable[pb.Plan]) -> Rows:
    """One row per decision: what each term asked for, what came of it, and which adjustments bound."""
    columns = ("time", "pool", "mode", "asked", "ready", *TERMS, "desired", "because of")
    return Rows(columns, map(_plan, plans), keys=2, words=True)


def _plan(plan: pb.Plan) -> list[str]:
    terms = {term.name: str(term.replicas) if term.known else "?" for term in plan.terms}
    return [
        utc(plan.at_s),
        plan.pool,
        MODE_OF.get(plan.mode, "-"),
        str(plan.asked),
        str(plan.ready),
        *(terms.get(name, "-") for name in TERMS),
        str(plan.desired) + (" (dry run)" if plan.dry_run else ""),
        ", ".join(one.name for one in plan.adjustments) or "-",
    ]


def explanation(plan: pb.Plan) -> Group:
    """One decision in words and numbers."""
    inputs = plan.inputs
    headline = Text(f"{plan.pool}: {plan.desired} replicas", style="bold")
    not_ours = " (this scaler does not carry it out: a dry run, one that another leads, or KEDA does)"
    headline.append(f" decided {utc(plan.at_s)}" + (not_ours if plan.dry_run else ""))
    facts = [
        f"There were {plan.asked} asked for, {plan.ready} of them ready.",
        f"Mode {MODE_OF.get(plan.mode, '-')}: {plan.mode_reason}.",
        f"Demand {_known(inputs, 'demand_rows_per_s', 'rows/s')}, outstanding "
        f"{_known(inputs, 'outstanding_rows', 'rows')}.",
        f"One replica does {figure(inputs.capacity_rows_per_s)} rows/s, {inputs.capacity_source}; "
        f"it takes {figure(inputs.lead_s)} s to be ready, {inputs.lead_source}.",
        f"Decision window {figure(inputs.window_s)} s."
        + (" Highest demand in it: " + _quantiles(inputs) + "." if inputs.quantiles else ""),
    ]
    terms = [(one.name, str(one.replicas) if one.known else "no data", one.reason) for one in plan.terms]
    changes = [(one.name, str(one.before), str(one.after), one.reason) for one in plan.adjustments]
    below: RenderableType = Text("No adjustment changed it.")
    if changes:
        below = Rows(("adjustment", "from", "to", "why"), changes, words=True)
    return Group(
        headline,
        *map(Text, facts),
        Rows(("term", "replicas", "why"), terms, words=True),
        below,
        _otherwise(plan),
    )


def rivals_table(rivals: Iterable[Mapping[str, Any]]) -> Rows:
    """What the other policies of a simulation asked for at that tick, each in a world of its own."""
    rows = (
        (
            one["policy"],
            str(one["desired"]),
            f"{one['ready']} ready, {one['starting']} starting, {one['waiting']:.0f} requests waiting",
        )
        for one in rivals
    )
    return Rows(("instead", "replicas", "there were"), rows, words=True)


def _otherwise(plan: pb.Plan) -> Text:
    baseline = next((term for term in plan.terms if term.name == "hpa"), None)
    if baseline is None or not baseline.known:
        return Text("The HPA would have left things as they are: it has no data.")
    return Text(f"The HPA alone would have asked for {baseline.replicas}.")


def _quantiles(inputs: pb.Inputs) -> str:
    pairs = zip(inputs.quantiles, inputs.window_max_rows_per_s, strict=True)
    return ", ".join(f"{figure(value)} rows/s at {level:.0%}" for level, value in pairs)


def _known(inputs: pb.Inputs, name: str, unit: str) -> str:
    return f"{figure(getattr(inputs, name))} {unit}" if inputs.HasField(name) else "unknown"
