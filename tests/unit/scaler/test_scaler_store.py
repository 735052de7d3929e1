"""The scaler's file, and what happens while it takes nothing."""

import contextlib
import sqlite3
from pathlib import Path

from structlog.testing import capture_logs

from scaler.store import Store


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
