"""Demand in the forecaster's file: what each source observed, on its own grid, and its roll-ups.

What arrives goes to the end of a journal, which costs little whatever the number of series, and is readable at once.
Now and then the journal is folded into blocks (`forecaster.blocks`) of the source's own step and of each coarser one.
A read takes the blocks and what folding the journal now would make of them: folded or not, the answer is the same.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from forecaster import blocks
from forecaster.blocks import SLOTS
from forecaster.database import Database
from forecaster.observations import Observation
from forecaster.series import SourceSeries, divides, resample
from tidegate.shared.errors import SeriesNotFound
from tidegate.shared.values import FloatArray

FOLD_SOURCES = 100
"""Sources folded in one transaction: some tens of milliseconds in which nobody else can write."""


@dataclass(frozen=True, slots=True)
class Source:
    """One observer of a model, and the first and last of its steps that have a value (None: none has)."""

    id: int
    name: str
    step_s: float
    first_slot: int | None
    last_slot: int | None


@dataclass(frozen=True, slots=True)
class Span:
    """What is known of one model: from, to (end of the last step with a value), its coarsest source's step, by whom."""

    first_s: float
    last_s: float
    coarsest_step_s: float
    sources: tuple[Source, ...]


class History:
    """Demand by model and source."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, observations: Iterable[Observation]) -> None:
        """Keep observations, all of them or none; a value for a step that is already there replaces it.

        Raises NotReady when the file can't take them now.
        """
        with self._database.writing() as connection:
            for one in observations:
                slot = round(one.start_s / one.step_s)
                rates = np.asarray(one.rate_rps, dtype=float)
                source = _source_id(connection, one)
                connection.execute(
                    "INSERT INTO journal (source_id, slot, rates) VALUES (?, ?, ?)",
                    (source, slot, blocks.packed(rates)),
                )
                ends = blocks.known_ends(slot, rates)
                if ends is not None:
                    connection.execute(
                        "UPDATE source SET first_slot = MIN(IFNULL(first_slot, ?1), ?1), "
                        "last_slot = MAX(IFNULL(last_slot, ?2), ?2) WHERE id = ?3",
                        (*ends, source),
                    )

    def holds(self, one: Observation) -> bool:
        """Whether all that is observed here is kept already, figure by figure; a missing value says nothing."""
        told = blocks.unpacked(blocks.packed(one.rate_rps))
        known, first = np.isfinite(told), round(one.start_s / one.step_s)
        for source in self._sources(one.model):
            if (source.name, source.step_s) == (one.source, one.step_s):
                kept = self._assembled(source, one.step_s, first, first + len(told) - 1)
                return bool(np.array_equal(kept[known], told[known]))
        return False

    def models(self) -> list[str]:
        """Every model that anything was observed of."""
        rows = self._database.connection().execute(
            "SELECT DISTINCT model FROM source WHERE first_slot NOTNULL ORDER BY model"
        )
        return [row[0] for row in rows]

    def span(self, model: str) -> Span:
        """What is known of a model. Raises SeriesNotFound, also when only gaps were told of it."""
        sources = self._sources(model)
        ends = [
            (one.first_slot * one.step_s, (one.last_slot + 1) * one.step_s, one.step_s)
            for one in sources
            if one.first_slot is not None and one.last_slot is not None
        ]
        if not ends:
            known = ", ".join(self.models()[:20]) or "none"
            raise SeriesNotFound(f"no demand of model {model!r} was ever observed; known models: {known}")
        return Span(min(e[0] for e in ends), max(e[1] for e in ends), max(e[2] for e in ends), sources)

    def told_until_s(self, source: str) -> float | None:
        """End of the last step with a value that a source told of any model; None when it told none."""
        query = "SELECT MAX((last_slot + 1) * step_s) FROM source WHERE name = ?"
        found: float | None = self._database.connection().execute(query, (source,)).fetchone()[0]
        return found

    def read(self, span: Span, since_s: float, step_s: float, until_s: float = np.inf) -> list[SourceSeries]:
        """Each source's rates within [since, until), already averaged to `step_s` where the source is finer.

        A coarse step is there when at least half of it was observed. Sources with nothing there are left out.
        """
        found = (self._read(one, since_s, until_s, step_s) for one in span.sources)
        return [one for one in found if one is not None]

    def fold(self) -> int:
        """Move the journal into the blocks; returns how many sources had something there."""
        done = 0
        while True:
            with self._database.writing() as connection:
                query = "SELECT DISTINCT source_id FROM journal LIMIT ?"
                sources = [row[0] for row in connection.execute(query, (FOLD_SOURCES,)).fetchall()]
                for source in sources:
                    self._fold(connection, source)
            done += len(sources)
            if len(sources) < FOLD_SOURCES:
                return done

    def prune(self, now_s: float, keep_s: Sequence[float]) -> None:
        """Delete what is older than is kept, and sources of which nothing is left.

        `keep_s` has four ages: of steps under 10 s, under a minute, under five minutes, and from there on. The
        coarsest step of a source is kept the longest.
        """
        self.fold()
        for model in self.models():
            with self._database.writing() as connection:
                for one in self._sources(model):
                    _prune(connection, one, now_s, keep_s)

    def _sources(self, model: str) -> tuple[Source, ...]:
        query = "SELECT id, name, step_s, first_slot, last_slot FROM source WHERE model = ? ORDER BY id"
        return tuple(Source(*row) for row in self._database.connection().execute(query, (model,)))

    def _fold(self, connection: sqlite3.Connection, source: int) -> None:
        step_s = connection.execute("SELECT step_s FROM source WHERE id = ?", (source,)).fetchone()[0]
        folded = self._folded(connection, source, blocks.tiers(step_s))
        connection.executemany(
            "INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?)",
            (
                (source, tier_s, number, blocks.packed(block))
                for tier_s, by_number in folded.items()
                for number, block in by_number.items()
            ),
        )
        connection.execute("DELETE FROM journal WHERE source_id = ?", (source,))

    def _folded(
        self, connection: sqlite3.Connection, source: int, chain: Sequence[float]
    ) -> dict[float, blocks.Blocks]:
        def load(tier_s: float, number: int) -> FloatArray | None:
            query = "SELECT rates FROM block WHERE source_id = ? AND step_s = ? AND number = ?"
            row = connection.execute(query, (source, tier_s, number)).fetchone()
            return None if row is None else blocks.unpacked(row[0])

        return blocks.fold(_journal(connection, source), chain, load)

    def _read(self, source: Source, since_s: float, until_s: float, step_s: float) -> SourceSeries | None:
        if source.first_slot is None or source.last_slot is None:
            return None
        tier_s = blocks.tier_for(source.step_s, step_s)
        # Whole steps of the answer, so that the first one is not made of a part of itself.
        since_s = np.floor(since_s / step_s) * step_s if step_s > tier_s else since_s
        ratio = round(tier_s / source.step_s)
        first = max(int(np.floor(since_s / tier_s + 1e-9)), source.first_slot // ratio)
        last = source.last_slot // ratio
        last = last if until_s == np.inf else min(last, int(np.ceil(until_s / tier_s - 1e-9)) - 1)
        if last < first:
            return None
        rates = self._assembled(source, tier_s, first, last)
        known = blocks.known_ends(first, rates)
        if known is None:
            return None
        rates = rates[known[0] - first : known[1] - first + 1]
        start_s = known[0] * tier_s
        if step_s > tier_s and divides(tier_s, step_s):
            start_s, rates = resample(start_s, tier_s, rates, step_s)
            tier_s = step_s
        return SourceSeries(source.name, start_s, tier_s, rates)

    def _assembled(self, source: Source, tier_s: float, first: int, last: int) -> FloatArray:
        """Rates of slots first..last at one step: the blocks, and over them those that the journal changes."""
        connection = self._database.connection()
        query = "SELECT number, rates FROM block WHERE source_id = ? AND step_s = ? AND number BETWEEN ? AND ?"
        span = (first // SLOTS, last // SLOTS)
        chain = blocks.tiers(source.step_s)
        chain = chain[: chain.index(tier_s) + 1]
        table = np.full((span[1] - span[0] + 1) * SLOTS, np.nan)
        # One snapshot for both questions: a fold in between would otherwise hide the journal's values.
        connection.execute("BEGIN DEFERRED")
        try:
            for number, kept in connection.execute(query, (source.id, tier_s, *span)):
                blocks.put(table, span[0] * SLOTS, number * SLOTS, blocks.unpacked(kept))
            if len(chain) == 1:
                for slot, rates in _journal(connection, source.id):
                    blocks.put(table, span[0] * SLOTS, slot, rates)
            else:
                for number, block in self._folded(connection, source.id, chain)[tier_s].items():
                    blocks.put(table, span[0] * SLOTS, number * SLOTS, block)
        finally:
            connection.rollback()
        result: FloatArray = table[first - span[0] * SLOTS : last + 1 - span[0] * SLOTS]
        return result


def _journal(connection: sqlite3.Connection, source: int) -> list[tuple[int, FloatArray]]:
    """What a source told since the last fold: (first slot, rates), in the order it was told."""
    query = "SELECT slot, rates FROM journal WHERE source_id = ? ORDER BY seq"
    return [(slot, blocks.unpacked(rates)) for slot, rates in connection.execute(query, (source,)).fetchall()]


def _source_id(connection: sqlite3.Connection, one: Observation) -> int:
    key = (one.model, one.source, one.step_s)
    query = "SELECT id FROM source WHERE model = ? AND name = ? AND step_s = ?"
    found = connection.execute(query, key).fetchone()
    if found is None:
        return int(connection.execute("INSERT INTO source (model, name, step_s) VALUES (?, ?, ?)", key).lastrowid or 0)
    return int(found[0])


def _prune(connection: sqlite3.Connection, source: Source, now_s: float, keep_s: Sequence[float]) -> None:
    chain = blocks.tiers(source.step_s)
    for tier_s in chain:
        longest = tier_s == chain[-1]
        place = len(blocks.TIERS_S) if longest else sum(tier_s >= other for other in blocks.TIERS_S)
        before_s = now_s - keep_s[place]
        number = int(before_s // (SLOTS * tier_s))
        connection.execute(
            "DELETE FROM block WHERE source_id = ? AND step_s = ? AND number < ?", (source.id, tier_s, number)
        )
        if longest and source.last_slot is not None:
            first = round(number * SLOTS * tier_s / source.step_s)
            connection.execute("UPDATE source SET first_slot = MAX(first_slot, ?) WHERE id = ?", (first, source.id))
    connection.execute(
        "DELETE FROM source WHERE id = ? AND NOT EXISTS (SELECT 1 FROM block WHERE source_id = id) "
        "AND NOT EXISTS (SELECT 1 FROM journal WHERE source_id = id)",
        (source.id,),
    )
