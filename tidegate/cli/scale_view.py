"""Plans as tables and words for a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from protos import scaling_pb2 as pb
from tidegate.shared.times import utc
from tidegate.shared.wire_scaling import MODE_OF

STATUS_COLUMNS = (
    *("pool", "mode", "ready", "starting", "stopping", "desired"),
    *("demand rows/s", "outstanding rows", "capacity rows/s", "lead s"),
)
ENOUGH_S = 600.0
"""A comparison over less time than this says nothing yet."""


def status_view(pools: Iterable[pb.PoolStatus]) -> Group:
    """One row per pool; below, what people override and what was saved."""
    found = list(pools)
    table = _table(STATUS_COLUMNS)
    for one in found:
        plan, inputs = one.plan, one.plan.inputs
        mode = MODE_OF.get(plan.mode, "-")
        table.add_row(
            one.pool,
            mode if one.wished_mode == mode else f"{mode} ({one.wished_mode})",
            str(one.ready),
            f"{one.starting}" + (f" ({one.failed_starts} failed)" if one.failed_starts else ""),
            str(one.draining),
            str(plan.desired) if one.HasField("plan") else "-",
            _known(inputs, "demand_rows_per_s"),
            _known(inputs, "outstanding_rows"),
            f"{inputs.capacity_rows_per_s:.3g}",
            f"{inputs.lead_s:.3g}",
        )
    overridden = [f"{one.pool}: {overrides_line(each)}" for one in found for each in one.overrides]
    saved = [f"{one.pool}: {line}" for one in found if (line := savings_line(one))]
    return Group(table, *overridden, *saved)


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


def audit_table(entries: Iterable[pb.AuditEntry]) -> Table:
    """One row per change."""
    table = _table(("time", "pool", "who", "what", "until", "why"))
    for one in entries:
        table.add_row(utc(one.at_s), one.pool, one.who, one.what, utc(one.until_s) if one.until_s else "-", one.why)
    return table


def plans_table(plans: Iterable[pb.Plan]) -> Table:
    """One row per decision: what each term asked for, what came of it, and which adjustments bound."""
    names = ("forecast", "reactive", "tracking", "hpa")
    table = _table(("time", "pool", "mode", "asked", *names, "desired", "because of"))
    for plan in plans:
        terms = {term.name: str(term.replicas) if term.known else "?" for term in plan.terms}
        table.add_row(
            utc(plan.at_s),
            plan.pool,
            MODE_OF.get(plan.mode, "-"),
            f"{plan.asked} ({plan.ready} ready)",
            *(terms.get(name, "-") for name in names),
            str(plan.desired) + (" (dry run)" if plan.dry_run else ""),
            ", ".join(one.name for one in plan.adjustments) or "-",
        )
    return table


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
        f"One replica does {inputs.capacity_rows_per_s:.4g} rows/s, {inputs.capacity_source}; "
        f"it takes {inputs.lead_s:.3g} s to be ready, {inputs.lead_source}.",
        f"Decision window {inputs.window_s:.3g} s."
        + (" Highest demand in it: " + _quantiles(inputs) + "." if inputs.quantiles else ""),
    ]
    terms = _table(("term", "replicas", "why"))
    for term in plan.terms:
        terms.add_row(term.name, str(term.replicas) if term.known else "no data", term.reason)
    changes = _table(("adjustment", "from", "to", "why"))
    for one in plan.adjustments:
        changes.add_row(one.name, str(one.before), str(one.after), one.reason)
    below: list[object] = [changes] if plan.adjustments else [Text("No adjustment changed it.")]
    return Group(headline, *facts, terms, *below, _otherwise(plan))  # type: ignore[arg-type]


def rivals_table(rivals: Iterable[Mapping[str, Any]]) -> Table:
    """What the other policies of a simulation asked for at that tick, each in a world of its own."""
    table = _table(("instead", "replicas", "there were"))
    for one in rivals:
        state = f"{one['ready']} ready, {one['starting']} starting, {one['waiting']:.0f} requests waiting"
        table.add_row(one["policy"], str(one["desired"]), state)
    return table


def _otherwise(plan: pb.Plan) -> Text:
    baseline = next((term for term in plan.terms if term.name == "hpa"), None)
    if baseline is None or not baseline.known:
        return Text("The HPA would have left things as they are: it has no data.")
    return Text(f"The HPA alone would have asked for {baseline.replicas}.")


def _quantiles(inputs: pb.Inputs) -> str:
    pairs = zip(inputs.quantiles, inputs.window_max_rows_per_s, strict=True)
    return ", ".join(f"{value:.3g} rows/s at {level:.0%}" for level, value in pairs)


def _known(inputs: pb.Inputs, name: str, unit: str = "") -> str:
    return f"{getattr(inputs, name):.3g} {unit}".rstrip() if inputs.HasField(name) else "unknown" if unit else "?"


def _table(columns: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("time", "pool", "until"))
    return table
