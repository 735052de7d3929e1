"""What the scaler remembers across restarts, in SQLite: every plan with its reasons, start-ups, measured capacity."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import structlog

from protos import scaling_pb2 as pb
from scaler.capacity import ModelCapacity
from scaler.lead import KEPT_STARTS
from tidegate.shared import wire_scaling
from tidegate.shared.errors import InvalidSetting
from tidegate.shared.values import Plan

SCHEMA_VERSION = 1
BUSY_MS = 20
"""How long a write waits for another process's lock: the scaler's tick, and its answers, wait with it."""

_SCHEMA = """
CREATE TABLE plans (pool TEXT NOT NULL, at_s REAL NOT NULL, plan BLOB NOT NULL, PRIMARY KEY (pool, at_s)) WITHOUT ROWID;
CREATE TABLE starts (pool TEXT NOT NULL, at_s REAL NOT NULL, lead_s REAL NOT NULL);
CREATE INDEX starts_by_pool ON starts (pool, at_s);
CREATE TABLE capacity (pool TEXT NOT NULL, model TEXT NOT NULL, mean REAL NOT NULL, variance REAL NOT NULL,
                       readings INTEGER NOT NULL, PRIMARY KEY (pool, model)) WITHOUT ROWID;
"""

_log = structlog.get_logger(__name__)


class Store:
    """One SQLite file in WAL mode; a commit survives kill -9 of the scaler. Used from one thread.

    Writes raise nothing: a file that is locked, full or gone must not keep plans from being carried out. What it does
    not take is lost: such a plan can't be explained later, and a restart doesn't know such a start-up or capacity. The
    log says when that begins and when it is over.
    """

    def __init__(self, path: Path, lost: Callable[[], None] = lambda: None) -> None:
        """Open or create the file; `lost` is called for each write that failed.

        Raises InvalidSetting when it can't be opened, or is of another version.
        """
        self._path = path
        self._lost = lost
        self._failing = False
        try:
            self._db = sqlite3.connect(path)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")  # only now: opening may wait for longer
        except sqlite3.Error as error:
            raise InvalidSetting(f"store = {str(path)!r}: {error}") from None
        if version not in (0, SCHEMA_VERSION):
            self._db.close()
            raise InvalidSetting(
                f"store = {str(path)!r} is of version {version}, not {SCHEMA_VERSION}: name another file"
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add_plan(self, plan: Plan, *, dry_run: bool) -> None:
        """Keep a decision."""
        blob = wire_scaling.to_proto(plan, dry_run=dry_run).SerializeToString()
        self._write("INSERT OR REPLACE INTO plans VALUES (?, ?, ?)", [(plan.pool, plan.at_s, blob)])

    def plans(self, pool: str, since_s: float, limit: int) -> list[pb.Plan]:
        """Decisions since then, newest first; of every pool with ""."""
        rows = self._db.execute(
            "SELECT plan FROM plans WHERE (? = '' OR pool = ?) AND at_s >= ? ORDER BY at_s DESC, pool LIMIT ?",
            (pool, pool, since_s, limit),
        )
        return [pb.Plan.FromString(blob) for (blob,) in rows]

    def plan_at(self, pool: str, at_s: float) -> pb.Plan | None:
        """The decision that held at a time; None when there was none yet."""
        row = self._db.execute(
            "SELECT plan FROM plans WHERE pool = ? AND at_s <= ? ORDER BY at_s DESC LIMIT 1", (pool, at_s)
        ).fetchone()
        return None if row is None else pb.Plan.FromString(row[0])

    def forget_plans(self, before_s: float) -> None:
        """Drop decisions older than that."""
        self._write("DELETE FROM plans WHERE at_s < ?", [(before_s,)])

    def add_start(self, pool: str, at_s: float, lead_s: float) -> None:
        """Keep one start-up's seconds from asked to ready."""
        self._write("INSERT INTO starts VALUES (?, ?, ?)", [(pool, at_s, lead_s)])

    def leads_s(self, pool: str) -> list[float]:
        """The latest start-ups, oldest first."""
        rows = self._db.execute(
            "SELECT lead_s FROM starts WHERE pool = ? ORDER BY at_s DESC LIMIT ?", (pool, KEPT_STARTS)
        ).fetchall()
        return [lead for (lead,) in reversed(rows)]

    def set_capacity(self, pool: str, known: Mapping[str, ModelCapacity]) -> None:
        """Keep what was measured so far."""
        rows = [(pool, model, one.mean, one.variance, one.readings) for model, one in known.items()]
        self._write("INSERT OR REPLACE INTO capacity VALUES (?, ?, ?, ?, ?)", rows)

    def capacity(self, pool: str) -> dict[str, ModelCapacity]:
        """What was measured before, by model."""
        rows = self._db.execute("SELECT model, mean, variance, readings FROM capacity WHERE pool = ?", (pool,))
        return {model: ModelCapacity(mean, variance, readings) for model, mean, variance, readings in rows}

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            with self._db:
                self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            self._lost()
            if not self._failing:
                _log.error("the store takes nothing; plans go on without", store=str(self._path), why=str(error))
            self._failing = True
            return
        if self._failing:
            _log.info("the store takes plans again", store=str(self._path))
        self._failing = False
