"""The scaler's file, and what happens while it takes nothing."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scaler.planner import Memory, plan
from scaler.savings import Savings, lived
from scaler.store import Store
from tests.support.pools import level, observation, spec


def test_a_locked_file_loses_writes_and_says_so_once_in_each_direction(tmp_path: Path) -> None:
    lost: list[None] = []
    store = Store(tmp_path / "s.sqlite", lambda: lost.append(None))
    with capture_logs() as said:
        with contextlib.closing(sqlite3.connect(tmp_path / "s.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            store.add_start("p", 1.0, 10.0)
            store.add_start("p", 2.0, 20.0)
        store.add_start("p", 3.0, 30.0)
        store.add_start("p", 4.0, 40.0)
    assert len(lost) == 2
    assert [(one["log_level"], one.get("why")) for one in said] == [("error", "database is locked"), ("info", None)]
    assert store.leads_s("p") == [30.0, 40.0]
    store.close()


def test_what_was_earned_and_saved_outlives_the_scaler(tmp_path: Path) -> None:
    store, memory, savings = Store(tmp_path / "s.sqlite"), Memory(), Savings()
    assert store.memory("p") == (memory, savings)
    for i in range(20):
        now = observation(now_s=1000.0 + 10 * i, forecast=level(20.0))
        _, memory = plan(spec(), now, memory)
        savings = lived(savings, spec(), now)
    store.set_memory("p", memory, savings)
    store.close()
    store = Store(tmp_path / "s.sqlite")
    assert store.memory("p") == (memory, savings)
    store.close()


@pytest.mark.parametrize(
    "kept",
    [
        '{"trust": {"mode": "full"}, "worlds": {"kinds": [["shadow", 0.0]]}}',  # as before kinds had three parts
        '{"trust": {"headroom": null}}',  # as JSON has what is no number
        '{"wanted": ',
    ],
)
def test_what_was_remembered_in_another_form_is_begun_anew(tmp_path: Path, kept: str) -> None:
    with contextlib.closing(Store(tmp_path / "s.sqlite")) as store:
        store.set_memory("p", Memory(foreseen=3), Savings(seconds=60.0))
        store.add_start("p", 1.0, 10.0)
        with contextlib.closing(sqlite3.connect(tmp_path / "s.sqlite")) as other, other:
            other.execute("UPDATE memory SET planner = ?", (kept.encode(),))
        with capture_logs() as said:
            assert store.memory("p") == (Memory(), Savings(seconds=60.0))
        assert [(one["log_level"], one["pool"]) for one in said] == [("warning", "p")]
        assert store.leads_s("p") == [10.0]
