"""Fitted models in the forecaster's file: what a restart, and a forecaster that only reads, answers from."""

from dataclasses import dataclass

from forecaster.database import Database


@dataclass(frozen=True, slots=True)
class SavedFit:
    """A fitted model as bytes, and when it was kept (epoch seconds)."""

    model: str
    saved_at_s: float
    state: bytes


class SavedFits:
    """The newest fit of each model."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, fit: SavedFit) -> None:
        """Keep a fit in the place of the one before. Raises NotReady."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO fit VALUES (?, ?, ?)", (fit.model, fit.saved_at_s, fit.state))

    def load(self, model: str) -> SavedFit | None:
        """The fit of a model, if there is one."""
        query = "SELECT model, saved_at_s, state FROM fit WHERE model = ?"
        row = self._database.connection().execute(query, (model,)).fetchone()
        return None if row is None else SavedFit(*row)

    def saved_since(self, since_s: float) -> list[tuple[str, float]]:
        """(model, when) of the fits kept after a time, the oldest first."""
        query = "SELECT model, saved_at_s FROM fit WHERE saved_at_s > ? ORDER BY saved_at_s"
        return self._database.connection().execute(query, (since_s,)).fetchall()

    def forget(self, model: str) -> None:
        """Drop a model's fit, if there is one. Raises NotReady."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM fit WHERE model = ?", (model,))
