"""Keeps the forecaster told of the pools' planned events."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from scaler.events import Event

AGAIN_S = 60.0
"""What was told is looked after this often: somebody may have removed it, or given the forecaster a new history."""
RETRY_S = 5.0

_log = structlog.get_logger(__name__)


class EventBook(Protocol):
    """The forecaster's planned events."""

    async def plan_events(self, pool: str, events: Sequence[Event]) -> str:
        """Make a pool's events there these ones; empty, or why that failed."""


class ToldEvents:
    """What is wished for, told when it changes. A pool that is gone is told to have none."""

    def __init__(self, book: EventBook, clock: Callable[[], float]) -> None:
        self._book = book
        self._clock = clock
        self._told: dict[str, tuple[Event, ...]] = {}
        self._due_s: dict[str, float] = {}
        self._failing: set[str] = set()

    async def follow(self, wished: Mapping[str, tuple[Event, ...]]) -> None:
        """Tell what is new or due. Raises nothing: what fails is tried again."""
        now_s = self._clock()
        for pool in self._told.keys() | wished.keys():
            events = wished.get(pool, ())
            changed = self._told.get(pool) != events
            due = now_s >= self._due_s.get(pool, 0.0) and (bool(events) or pool in self._failing)
            if not (changed or due) or (pool in self._failing and not due):
                continue
            why = await self._book.plan_events(pool, events)
            self._took(pool, events, why, now_s)

    def _took(self, pool: str, events: tuple[Event, ...], why: str, now_s: float) -> None:
        if why:
            if events and pool not in self._failing:
                _log.warning("planned events are not told to the forecaster, trying again", pool=pool, why=why)
            self._failing.add(pool)
            self._due_s[pool] = now_s + RETRY_S
            return
        if self._told.get(pool, ()) != events:
            _log.info("planned events", pool=pool, events=[one.name for one in events])
        self._failing.discard(pool)
        self._told[pool], self._due_s[pool] = events, now_s + AGAIN_S
