"""Demand in an SQLite file: what each source observed, on its own grid.

Write-ahead log: readers never wait for the writer, and what was committed survives kill -9 (`synchronous=NORMAL`
may lose the last commits when the machine itself loses power, never the file). One row per step, found by its key.
"""

import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecaster.observations import Observation
from forecaster.series import SourceSeries
from tidegate.shared.errors import InvalidSetting, NotReady, SeriesNotFound

VERSION = 1
BUSY_TIMEOUT_S = 10.0

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS source (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, name TEXT NOT NULL, step_s REAL NOT NULL,
    UNIQUE (model, name, step_s)
);
CREATE TABLE IF NOT EXISTS point (
    source_id INTEGER NOT NULL REFERENCES source (id), slot INTEGER NOT NULL, rate_rps REAL,
    PRIMARY KEY (source_id, slot)
) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""


@dataclass(frozen=True, slots=True)
class Span:
    """What is kept of one model: from, to (end of the last observed step), and its coarsest source's step."""

    first_s: float
    last_s: float
    coarsest_step_s: float


class History:
    """The file. Each thread has a connection of its own; writing is serialised."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        try:
            found = self._connection().execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, VERSION):
                raise InvalidSetting(f"history {path} has version {found}; this forecaster reads version {VERSION}")
            self._connection().executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise InvalidSetting(f"history {path}: {error}") from None

    def append(self, observations: Iterable[Observation]) -> None:
        """Keep observations, all of them or none; a value for a step that is already there replaces it.

        Raises NotReady when the file can't take them now: another process has locked it, or the disk is full.
        """
        connection = self._connection()
        try:
            with self._writing, connection:
                self._insert(connection, observations)
        except sqlite3.OperationalError as error:
            raise NotReady(f"history {self._path}: {error}") from None

    def _insert(self, connection: sqlite3.Connection, observations: Iterable[Observation]) -> None:
        for one in observations:
            source = self._source_id(connection, one)
            first = round(one.start_s / one.step_s)
            values = [None if np.isnan(rate) else float(rate) for rate in one.rate_rps]
            rows = ((source, first + place, value) for place, value in enumerate(values))
            connection.executemany("INSERT OR REPLACE INTO point VALUES (?, ?, ?)", rows)

    def models(self) -> list[str]:
        """Every model that anything was observed of."""
        return [row[0] for row in self._connection().execute("SELECT DISTINCT model FROM source ORDER BY model")]

    def span(self, model: str) -> Span:
        """What is kept of a model. Raises SeriesNotFound."""
        ends = [
            (first * step_s, (last + 1) * step_s, step_s)
            for source, _, step_s in self._sources(model)
            for first, last in [self._ends(source)]
            if first is not None
        ]
        if not ends:
            known = ", ".join(self.models()) or "none"
            raise SeriesNotFound(f"no demand of model {model!r} was ever observed; known models: {known}")
        return Span(min(e[0] for e in ends), max(e[1] for e in ends), max(e[2] for e in ends))

    def read(self, model: str, since_s: float, step_s: float) -> list[SourceSeries]:
        """Each source's rates from `since_s` on, already averaged to `step_s` where the source is finer.

        A coarse step is there when at least half of it was observed. Sources with nothing there are left out.
        """
        return [
            found
            for source, name, source_step_s in self._sources(model)
            for found in [self._read(name, source, source_step_s, since_s, step_s)]
            if found is not None
        ]

    def prune(self, before_s: float) -> None:
        """Delete what is older, and sources of which nothing is left."""
        connection = self._connection()
        with self._writing, connection:
            connection.execute(
                "DELETE FROM point WHERE EXISTS (SELECT 1 FROM source WHERE id = source_id AND slot * step_s < ?)",
                (before_s,),
            )
            connection.execute("DELETE FROM source WHERE id NOT IN (SELECT DISTINCT source_id FROM point)")

    def close(self) -> None:
        """Close every connection."""
        for connection in self._opened:
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            self._local.connection = connection
            self._opened.append(connection)
        found: sqlite3.Connection = self._local.connection
        return found

    def _source_id(self, connection: sqlite3.Connection, one: Observation) -> int:
        key = (one.model, one.source, one.step_s)
        connection.execute("INSERT OR IGNORE INTO source (model, name, step_s) VALUES (?, ?, ?)", key)
        query = "SELECT id FROM source WHERE model = ? AND name = ? AND step_s = ?"
        return int(connection.execute(query, key).fetchone()[0])

    def _sources(self, model: str) -> list[tuple[int, str, float]]:
        query = "SELECT id, name, step_s FROM source WHERE model = ? ORDER BY id"
        return self._connection().execute(query, (model,)).fetchall()

    def _ends(self, source: int) -> tuple[int | None, int]:
        query = "SELECT MIN(slot), MAX(slot) FROM point WHERE source_id = ?"
        first, last = self._connection().execute(query, (source,)).fetchone()
        return first, last

    def _read(self, name: str, source: int, source_step_s: float, since_s: float, step_s: float) -> SourceSeries | None:
        ratio = round(step_s / source_step_s) if step_s % source_step_s == 0 else 1
        query = (
            "SELECT slot / :ratio AS place, AVG(rate_rps) FROM point "
            "WHERE source_id = :source AND slot >= :since GROUP BY place HAVING COUNT(rate_rps) * 2 >= :ratio"
        )
        since = int(np.floor(since_s / source_step_s)) // ratio * ratio
        with closing(self._connection().cursor()) as cursor:
            rows = cursor.execute(query, {"ratio": ratio, "source": source, "since": since}).fetchall()
        if not rows:
            return None
        table = np.array(rows, dtype=float)
        places = table[:, 0].astype(np.int64)
        rates = np.full(places[-1] - places[0] + 1, np.nan)
        rates[places - places[0]] = table[:, 1]
        grid_s = source_step_s * ratio
        return SourceSeries(name, float(places[0] * grid_s), grid_s, rates)
