"""The forecaster's SQLite file: its schema, and a connection for each thread.

Write-ahead log: readers never wait for a writer, in this process or another, and what was committed survives kill -9
(`synchronous=NORMAL` may lose the last commits when the machine itself loses power, never the file).
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.shared.errors import InvalidSetting, NotReady

VERSION = 2
BUSY_TIMEOUT_S = 10.0

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS source (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, name TEXT NOT NULL, step_s REAL NOT NULL,
    first_slot INTEGER, last_slot INTEGER,
    UNIQUE (model, name, step_s)
);
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY, source_id INTEGER NOT NULL, slot INTEGER NOT NULL, rates BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS journal_by_source ON journal (source_id);
CREATE TABLE IF NOT EXISTS block (
    source_id INTEGER NOT NULL, step_s REAL NOT NULL, number INTEGER NOT NULL, rates BLOB NOT NULL,
    PRIMARY KEY (source_id, step_s, number)
);
CREATE TABLE IF NOT EXISTS event (
    model TEXT NOT NULL, name TEXT NOT NULL, start_s REAL NOT NULL, end_s REAL NOT NULL,
    factor REAL NOT NULL, added_rps REAL NOT NULL,
    PRIMARY KEY (model, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fit (model TEXT PRIMARY KEY, saved_at_s REAL NOT NULL, state BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS fit_by_time ON fit (saved_at_s);
CREATE TABLE IF NOT EXISTS lease (
    id INTEGER PRIMARY KEY CHECK (id = 1), holder TEXT NOT NULL, address TEXT NOT NULL, until_s REAL NOT NULL
);
PRAGMA user_version = {VERSION};
"""


class Database:
    """The file. Any thread may read; writing is serialised within the process by a lock, between them by SQLite."""

    def __init__(self, path: Path) -> None:
        """Open the file, made where it is not there. Raises InvalidSetting when it is none of ours."""
        self.path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        try:
            found = self.connection().execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, VERSION):
                raise InvalidSetting(
                    f"history {path} has version {found}; this forecaster reads version {VERSION}: name another file"
                )
            if found != VERSION:
                self.connection().executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise InvalidSetting(f"history {path}: {error}") from None

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        if not hasattr(self._local, "connection"):
            connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level="IMMEDIATE"
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            self._local.connection = connection
            self._opened.append(connection)
        found: sqlite3.Connection = self._local.connection
        return found

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, kept as a whole or not at all.

        Raises NotReady when the file can't take it now: another process has locked it, or the disk is full.
        """
        connection = self.connection()
        try:
            with self._writing, connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise NotReady(f"history {self.path}: {error}") from None

    def close(self) -> None:
        """Close every connection."""
        for connection in self._opened:
            connection.close()
