"""The tables that are printed."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.balance.scenario import DEADLINE_S, ROLES
from benchmarks.balance.summary import QUANTILES

WIDTH = 130
Row = Mapping[str, Any]


def show(load: float, rows: Mapping[str, Row], machine: str) -> None:
    """Two tables of one load: each policy's whole run, and its phases."""
    console = Console(width=WIDTH)
    caption = f"a failed request counts as {DEADLINE_S:.0f} s; refused tries: those that the failing replica refused"
    table = Table(title=f"Balance at {load:.0%} of the capacity, on {machine}", caption=caption)
    for column in ("policy", "p50 ms", "p99 ms", "p99.9 ms", "p99 ms of answers", "failed", "refused tries"):
        table.add_column(column, justify="left" if column == "policy" else "right", no_wrap=True)
    for policy, row in rows.items():
        tries = sum(row["tries_refused_by_flaky"])
        latencies = *_latencies(row), _ms(row["answered_p99_s"])
        table.add_row(policy, *latencies, f"{sum(row['failed'].values())} of {row['sent']}", str(tries))
    console.print(table)
    table = Table(title="By phase")
    for column in ("phase", "policy", "p50 ms", "p99 ms", "p99.9 ms", "failed", *(f"{role} %" for role in ROLES)):
        table.add_column(column, justify="left" if column in ("phase", "policy") else "right", no_wrap=True)
    for phase in next(iter(rows.values()))["phases"]:
        for policy, row in rows.items():
            part = row["phases"][phase]
            shares = (f"{part['shares'][role] * 100:.0f}" for role in ROLES)
            table.add_row(phase, policy, *_latencies(part), str(part["failed"]), *shares)
        table.add_section()
    console.print(table)


def _latencies(row: Row) -> list[str]:
    return [_ms(row[name]) for name in QUANTILES]


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.0f}"
