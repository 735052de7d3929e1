"""Planned events of pools: the forecaster forecasts them, and does not learn from them; what it is told. PURE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """In [start, end) a model's demand is the usual times `factor` plus `added_rps`; a factor of 0 says it outright."""

    model: str
    name: str
    start_s: float
    end_s: float
    factor: float = 1.0
    added_rps: float = 0.0


def own_name(pool: str, name: str) -> str:
    """What the forecaster knows a pool's event by: the pool's own ones can be told from everybody else's."""
    return f"{pool}/{name}"


def changes(pool: str, wished: Iterable[Event], known: Iterable[Event]) -> tuple[list[Event], list[Event]]:
    """(to add or replace, to remove), so that what the forecaster knows of the pool is what is wished for."""
    wanted = {(one.model, one.name): one for one in wished}
    there = {(one.model, one.name): one for one in known if one.name.startswith(own_name(pool, ""))}
    new = [one for key, one in wanted.items() if there.get(key) != one]
    return new, [one for key, one in there.items() if key not in wanted]


def note(events: Sequence[Event], now_s: float, horizon_s: float) -> str:
    """Which of them bear on the time ahead, in words; empty for none."""
    near = {one.name.partition("/")[2]: None for one in events if one.start_s < now_s + horizon_s and one.end_s > now_s}
    return f"with the planned {', '.join(near)}" if near else ""
