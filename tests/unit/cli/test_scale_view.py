"""`tidegate scale …` at 80 columns, in a wide terminal, and at a pipe."""

import io

import pytest
from rich.console import Console, RenderableType

from protos import scaling_pb2 as pb
from scaler.planner import Memory, plan
from tests.support.pools import level, observation, spec
from tidegate.cli.scale_view import audit_table, explanation, plans_table, status_view
from tidegate.cli.tables import stdout_console
from tidegate.shared.wire_scaling import to_proto

NAME = "recommendation-ranker-v12-fp16"
NOON_S = 1_772_366_400.0  # 2026-03-01T12:00:00Z
WHY = "saved of late, against shadow without headroom: floor +4.1%, full +12.3%: floor becomes full"
SEEN = observation(now_s=NOON_S, ready=102, demand_rows_per_s=6150.0, outstanding_rows=1513.0, forecast=level(3000.0))
PLAN = to_proto(plan(spec(name=NAME, max_replicas=200, max_added_per_tick=4), SEEN, Memory())[0], dry_run=True)
POOL = pb.PoolStatus(pool=NAME, wished_mode="auto", plan=PLAN, starting=34, ready=102, draining=16, failed_starts=12)
CHANGE = pb.AuditEntry(at_s=NOON_S, pool=NAME, who="trust", what="mode floor becomes full", why=WHY)
VIEWS: dict[str, RenderableType] = {
    "status": status_view([POOL]),
    "plan": plans_table([PLAN]),
    "explain": explanation(PLAN),
    "audit": audit_table([CHANGE]),
}


def shown(view: RenderableType, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        console.print(view)
    return [line.rstrip() for line in captured.get().splitlines()]


def words(lines: list[str]) -> set[str]:
    return {word.rstrip(",") for line in lines for word in line.split()}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_at_80_columns_no_word_is_cut(view: RenderableType) -> None:
    narrow, (_, *wide) = shown(view, 80), shown(view, 1000)
    assert max(map(len, narrow)) <= 80
    assert words(wide) - {"-"} <= words(narrow)


def test_a_row_that_is_too_wide_is_a_paragraph() -> None:
    assert shown(VIEWS["status"], 80) == [
        NAME,
        "    mode floor (auto), ready 102, starting 34 (12 failed), stopping 16,",
        "    desired 106, demand 6150 rows/s, outstanding 1513 rows, capacity 10 rows/s,",
        "    lead 60 s",
    ]


def test_a_row_that_fits_is_a_line() -> None:
    header, row = shown(VIEWS["plan"], 150)
    assert header.split() == [
        *("time", "pool", "mode", "asked", "ready", "forecast", "reactive", "tracking", "hpa", "desired"),
        *("because", "of"),
    ]
    assert row.startswith(f"2026-03-01T12:00:00Z  {NAME}  ")
    assert row.endswith("106 (dry run)  rate limit")


def test_a_reason_of_any_length_is_one_line_at_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = shown(audit_table([pb.AuditEntry(at_s=NOON_S, pool="p", why="because " * 100)]), stdout_console().width)
    assert len(lines) == 2


def test_what_people_wrote_is_shown_as_they_wrote_it() -> None:
    lines = shown(audit_table([pb.AuditEntry(at_s=NOON_S, pool="p", who="ada", why="moved [red] racks [/]")]), 200)
    assert lines[1].endswith("moved [red] racks [/]")
