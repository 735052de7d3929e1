"""What the demo shows: a live table on a terminal, a line every few seconds elsewhere."""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

LINE_EVERY_S = 5.0
_ROWS = 14


@dataclass(frozen=True, slots=True)
class Row:
    """The state of a run in one second."""

    policy: str
    at_s: float
    rate_rps: float
    forecast_rps: tuple[float, float] | None
    ahead_s: float
    mode: str
    asked: int
    ready: int
    outstanding: int
    p99_s: float
    failed: int


_COLUMNS = ("second", "rate", "forecast", "for", "mode", "asked", "ready", "outstanding", "p99", "failed")


class Screen:
    """Everything goes to stderr; stdout is kept for the report."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._rows: deque[Row] = deque(maxlen=_ROWS)
        self._live: Live | None = None
        self._last_line_s = -LINE_EVERY_S

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def run(self, title: str) -> Iterator[None]:
        """Shows rows while inside."""
        self._rows.clear()
        self._last_line_s = -LINE_EVERY_S
        self.say(f"[bold]{title}[/bold]")
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, auto_refresh=False) as self._live:
            try:
                yield
            finally:
                self._live = None

    def show(self, row: Row) -> None:
        """A second has passed."""
        self._rows.append(row)
        if self._live is not None:
            self._live.update(_live_table(self._rows), refresh=True)
        elif row.at_s - self._last_line_s >= LINE_EVERY_S:
            self._last_line_s = row.at_s
            pairs = zip(_COLUMNS, _cells(row), strict=True)
            self.say(f"{row.policy:>10}  " + "  ".join(f"{name} {cell}" for name, cell in pairs))

    def compare(self, policies: Mapping[str, Mapping[str, Any]]) -> None:
        """The table of the end."""
        table = Table(title="the same requests under both policies")
        table.add_column("")
        for name in policies:
            table.add_column(name, justify="right")
        for label, key, form in (
            ("requests", "requests", "d"),
            ("failed", "failed", "d"),
            ("read the true digit", "accuracy", ".2%"),
            ("within the SLO", "within_slo", ".2%"),
            ("p50, seconds", "p50_s", ".3f"),
            ("p99, seconds", "p99_s", ".3f"),
            ("slowest, seconds", "max_s", ".3f"),
            ("replica-seconds", "replica_seconds", ".0f"),
        ):
            table.add_row(label, *(format(entry[key], form) for entry in policies.values()))
        spikes = [{spike["at"]: spike["ready_ahead_s"] for spike in entry["spikes"]} for entry in policies.values()]
        for at in spikes[0]:
            table.add_row(f"ready ahead of the spike at {at:g} s", *(_ahead(one[at]) for one in spikes))
        self.console.print(table)


def _ahead(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:+.1f} s"


def _live_table(rows: deque[Row]) -> Table:
    table = Table()
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    forecast = "-" if row.forecast_rps is None else f"{row.forecast_rps[0]:.0f} to {row.forecast_rps[1]:.0f}"
    return (
        f"{row.at_s:.0f}",
        f"{row.rate_rps:.0f}/s",
        forecast,
        f"+{row.ahead_s:.0f} s",
        row.mode,
        str(row.asked),
        str(row.ready),
        str(row.outstanding),
        f"{row.p99_s:.2f} s",
        str(row.failed),
    )
