"""What the scaler remembers across restarts, in SQLite: plans and their reasons, start-ups, capacity, overrides, and
what planners carry on."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from protos import scaling_pb2 as pb
from scaler.capacity import ModelCapacity
from scaler.lead import KEPT_STARTS
from scaler.overrides import AuditEntry, Kind, Override
from scaler.planner import Memory
from scaler.savings import Savings
from tidegate.shared import wire_scaling
from tidegate.shared.errors import InvalidSetting, NotReady
from tidegate.shared.values import Plan

SCHEMA_VERSION = 4
BUSY_MS = 20
"""How long a write waits for another process's lock: the scaler's tick, and its answers, wait with it."""

_SCHEMA = """
CREATE TABLE plans (pool TEXT NOT NULL, at_s REAL NOT NULL, plan BLOB NOT NULL, PRIMARY KEY (pool, at_s)) WITHOUT ROWID;
CREATE TABLE starts (pool TEXT NOT NULL, at_s REAL NOT NULL, lead_s REAL NOT NULL);
CREATE INDEX starts_by_pool ON starts (pool, at_s);
CREATE TABLE capacity (pool TEXT NOT NULL, model TEXT NOT NULL, mean REAL NOT NULL, variance REAL NOT NULL,
                       readings INTEGER NOT NULL, PRIMARY KEY (pool, model)) WITHOUT ROWID;
CREATE TABLE override (pool TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, reason TEXT NOT NULL,
                       by TEXT NOT NULL, at_s REAL NOT NULL, until_s REAL NOT NULL, PRIMARY KEY (pool, kind));
CREATE TABLE audit (at_s REAL NOT NULL, pool TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL,
                    until_s REAL NOT NULL, PRIMARY KEY (at_s, pool, what)) WITHOUT ROWID;
CREATE TABLE memory (pool TEXT PRIMARY KEY, planner BLOB NOT NULL, savings BLOB NOT NULL) WITHOUT ROWID;
"""

Kept = TypeVar("Kept", Memory, Savings)
_MEMORY = TypeAdapter(Memory)
_SAVINGS = TypeAdapter(Savings)
_log = structlog.get_logger(__name__)


class Store:
    """One SQLite file in WAL mode; a commit survives kill -9 of the scaler. Used from one thread.

    Writes raise nothing (but `set_override`'s, which somebody waits for): a file that is locked, full or gone must not
    keep plans from being carried out. What it does not take is lost: such a plan can't be explained later, and a
    restart doesn't know such a start-up or capacity. The log says when that begins and when it is over.
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

    def forget(self, plans_before_s: float, audit_before_s: float) -> None:
        """Drop decisions, and entries of the audit trail, older than that."""
        self._write("DELETE FROM plans WHERE at_s < ?", [(plans_before_s,)])
        self._write("DELETE FROM audit WHERE at_s < ?", [(audit_before_s,)])

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

    def set_memory(self, pool: str, memory: Memory, savings: Savings) -> None:
        """Keep what the pool's planner remembers, the trust that its forecasts have earned above all, and what an HPA
        would have had."""
        row = (pool, _MEMORY.dump_json(memory), _SAVINGS.dump_json(savings))
        self._write("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", [row])

    def memory(self, pool: str) -> tuple[Memory, Savings]:
        """What was remembered; empty before the pool's first decision.

        So is what another version kept in a form that this one doesn't know, or what isn't a number any more: trust is
        earned again within hours, a scaler that doesn't start keeps nobody's pool.
        """
        row = self._db.execute("SELECT planner, savings FROM memory WHERE pool = ?", (pool,)).fetchone()
        return (Memory(), Savings()) if row is None else (_read(_MEMORY, pool, row[0]), _read(_SAVINGS, pool, row[1]))

    def set_override(self, pool: str, one: Override) -> None:
        """Keep an override in the place of the pool's last one of that kind. Raises NotReady: people wait for it."""
        row = (pool, one.kind, one.value, one.reason, one.by, one.at_s, one.until_s)
        if not self._write("INSERT OR REPLACE INTO override VALUES (?, ?, ?, ?, ?, ?, ?)", [row]):
            raise NotReady(f"the store {str(self._path)!r} takes nothing now; the scaler's log says why")

    def overrides(self, pool: str) -> list[Override]:
        """The last override of each kind, also those that no longer count."""
        rows = self._db.execute("SELECT kind, value, reason, by, at_s, until_s FROM override WHERE pool = ?", (pool,))
        return [Override(Kind(kind), *rest) for kind, *rest in rows]

    def add_audit(self, entries: Iterable[AuditEntry]) -> None:
        """Keep entries of the audit trail; one that is there already stays as it is."""
        rows = [(one.at_s, one.pool, one.who, one.what, one.why, one.until_s) for one in entries]
        if rows:
            self._write("INSERT OR IGNORE INTO audit VALUES (?, ?, ?, ?, ?, ?)", rows)

    def audit(self, pool: str, since_s: float, limit: int) -> list[AuditEntry]:
        """The audit trail since then, newest first; of every pool with ""."""
        rows = self._db.execute(
            "SELECT * FROM audit WHERE (? = '' OR pool = ?) AND at_s >= ? ORDER BY at_s DESC, pool LIMIT ?",
            (pool, pool, since_s, limit),
        )
        return [AuditEntry(*row) for row in rows]

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> bool:
        try:
            with self._db:
                self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            self._lost()
            if not self._failing:
                _log.error("the store takes nothing; plans go on without", store=str(self._path), why=str(error))
            self._failing = True
            return False
        if self._failing:
            _log.info("the store takes plans again", store=str(self._path))
        self._failing = False
        return True


def _read(kind: TypeAdapter[Kept], pool: str, kept: bytes) -> Kept:
    """What was kept of a pool, or else as at its beginning."""
    try:
        return kind.validate_json(kept)
    except ValidationError as error:
        what = str(error).splitlines()[0]
        _log.warning("what was remembered can't be read: begun anew", pool=pool, why=what)
        return kind.validate_json(b"{}")
