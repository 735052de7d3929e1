"""Planned events in the forecaster's file: what somebody knows of demand that its past can't say."""

from dataclasses import dataclass

from forecaster.calendar import Event
from forecaster.database import Database
from tidegate.shared.errors import SeriesNotFound

ANY = ""
"""Stands in the place of a model's name for an event that all models have."""


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event and the model that has it (ANY: all of them)."""

    model: str
    event: Event


class Events:
    """Events by model and name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, one: KeptEvent) -> None:
        """Keep an event, in the place of one of that model and name. Raises NotReady."""
        event = one.event
        row = (one.model, event.name, event.start_s, event.end_s, event.factor, event.added_rps)
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?)", row)

    def remove(self, model: str, name: str) -> None:
        """Forget an event. Raises SeriesNotFound naming those that there are, NotReady."""
        with self._database.writing() as connection:
            gone = connection.execute("DELETE FROM event WHERE model = ? AND name = ?", (model, name)).rowcount
        if not gone:
            known = ", ".join(repr(one.event.name) for one in self.kept(model) if one.model == model) or "none"
            whose = f"model {model!r}" if model else "all models"
            raise SeriesNotFound(f"no event {name!r} of {whose}; there is: {known}")

    def kept(self, model: str | None = None) -> list[KeptEvent]:
        """The events of a model, with those that all models have; every event without one. By time."""
        query = "SELECT * FROM event WHERE ?1 IS NULL OR model = ?1 OR model = '' ORDER BY start_s, name"
        rows = self._database.connection().execute(query, (model,))
        return [KeptEvent(owner, Event(*values)) for owner, *values in rows]

    def of(self, model: str) -> tuple[Event, ...]:
        """What bears on one model."""
        return tuple(one.event for one in self.kept(model))
