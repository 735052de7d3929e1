"""How `tidegate simulate` shows its report to a person."""

from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

COLUMNS = ("policy", "late", "p50", "p99", "hours", "cost", "turns/h", "ahead")
LEGEND = (
    "late: waited longer than the SLO; p50, p99: waits; hours: of replicas; cost: over the clairvoyant's; "
    "turns/h: changes of direction; ahead: median time that a spike's replicas were ready before it"
)


def show(report: dict[str, Any]) -> None:
    """Print the table of the policies, and that of the frontiers where there was a sweep."""
    console = Console()
    table = _table(COLUMNS)
    for name, one in report["policies"].items():
        table.add_row(
            name,
            f"{one['miss_share']:.3%}",
            _seconds(one["p50_wait_s"]),
            _seconds(one["p99_wait_s"]),
            f"{one['replica_hours']:.2f}",
            _times(one["cost_over_clairvoyant"]),
            f"{one['turns_per_hour']:.1f}",
            _ahead(one["spikes"]),
        )
    console.print(table)
    first = next(iter(report["policies"].values()))
    console.print(f"{first['requests']:.0f} requests, {len(first['spikes'])} spikes", highlight=False)
    console.print(LEGEND, style="dim", highlight=False)
    if report.get("frontiers"):
        console.print(_frontiers(report["frontiers"]))


def _frontiers(frontiers: dict[str, Any]) -> Table:
    shares = next(iter(frontiers.values()))["cost_at"]
    table = _table(("frontier", *(f"at {float(share):.1%}" for share in shares), "its number"))
    table.title = "Least cost at so many late"
    for name, one in frontiers.items():
        table.add_row(name, *(_times(cost) for cost in one["cost_at"].values()), one["number"])
    return table


def _table(columns: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in {"policy", "frontier", "its number"} else "right")
    return table


def _ahead(spikes: list[dict[str, Any]]) -> str:
    """The median; a spike that was never met counts as the worst."""
    if not spikes:
        return "-"
    known = [float("-inf") if spike["ready_ahead_s"] is None else spike["ready_ahead_s"] for spike in spikes]
    middle = median(known)
    return "never" if middle == float("-inf") else f"{middle:+.0f} s"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} ×"


def _seconds(value: float | None) -> str:
    return "for ever" if value is None else f"{value:.0f} s" if value >= 100 else f"{value:.3g} s"
