"""Planned events of pools, as the forecaster is told them."""

import pytest

from scaler.events import Event, changes, note
from scaler.pools import pool_events
from scaler.settings import EventSettings, PoolSettings
from scaler.told_events import AGAIN_S, RETRY_S, ToldEvents

NOON = {"start": "2026-03-01T12:00:00Z", "end": "2026-03-01T13:00:00Z"}
NOON_S = 1_772_366_400.0
LAUNCH = Event("m", "p/launch", 100.0, 200.0, 3.0, 0.0)


def pool(*events: dict[str, object], models: tuple[str, ...] = ("a", "b")) -> PoolSettings:
    return PoolSettings(name="p", models=models, events=[EventSettings(**{**NOON, **one}) for one in events])


def test_a_factor_counts_for_every_model_and_a_rate_for_the_one_that_is_named() -> None:
    told = pool_events(pool({"name": "sale", "factor": 2}, {"name": "launch", "model": "b", "rate_rps": 500}))
    assert told == (
        Event("a", "p/sale", NOON_S, NOON_S + 3600, 2.0, 0.0),
        Event("b", "p/sale", NOON_S, NOON_S + 3600, 2.0, 0.0),
        Event("b", "p/launch", NOON_S, NOON_S + 3600, 0.0, 500.0),
    )


def test_what_is_new_or_changed_is_told_and_what_is_gone_removed_of_this_pool_alone() -> None:
    changed, others = Event("m", "p/launch", 100.0, 300.0, 3.0), Event("m", "sale", 0.0, 1.0, 2.0)
    gone, of_another = Event("m", "p/old", 0.0, 1.0, 2.0), Event("m", "pq/launch", 0.0, 1.0, 2.0)
    assert changes("p", [LAUNCH], [changed, others, gone, of_another]) == ([LAUNCH], [gone])
    assert changes("p", [LAUNCH], [LAUNCH, others]) == ([], [])


@pytest.mark.parametrize(
    ("now_s", "said"), [(0.0, ""), (50.0, "with the planned launch"), (199.0, "with the planned launch"), (200.0, "")]
)
def test_the_plan_says_what_is_near(now_s: float, said: str) -> None:
    assert note([LAUNCH, LAUNCH], now_s, 60.0) == said


@pytest.mark.parametrize(
    ("changes_", "said"),
    [
        ({"end": "2026-03-01T11:00:00Z"}, "not after it starts"),
        ({"factor": None}, "needs a factor or a rate_rps"),
        ({"rate_rps": 5}, "not both"),
        ({"start": "2026-03-01T12:00:00"}, "timezone"),
        ({"model": "c"}, "event 'x' is of model 'c'; pool 'p' has: a, b"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(changes_: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pool({"name": "x", "factor": 2, **changes_})


class Book:
    """Notes what it is told; `why` says why it fails."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.why = ""

    async def plan_events(self, name: str, events: tuple[Event, ...]) -> str:
        self.told.append((name, len(events)))
        return self.why


async def test_events_are_told_when_they_change_looked_after_and_taken_back_with_their_pool() -> None:
    book, now_s = Book(), [0.0]
    told = ToldEvents(book, lambda: now_s[0])
    for _ in range(2):
        await told.follow({"p": (LAUNCH,), "q": ()})
    assert sorted(book.told) == [("p", 1), ("q", 0)], "q's too: somebody may have left some"
    now_s[0] = AGAIN_S
    await told.follow({"p": (LAUNCH,), "q": ()})
    assert book.told[2:] == [("p", 1)]
    await told.follow({"q": ()})
    await told.follow({"q": ()})
    assert book.told[3:] == [("p", 0)]


async def test_a_forecaster_that_does_not_answer_is_told_later() -> None:
    book, now_s = Book(), [0.0]
    told = ToldEvents(book, lambda: now_s[0])
    book.why = "UNAVAILABLE"
    for now_s[0] in (0.0, 1.0, RETRY_S, RETRY_S + 1):
        await told.follow({"p": (LAUNCH,)})
    assert len(book.told) == 2
    book.why, now_s[0] = "", 2 * RETRY_S
    await told.follow({"p": (LAUNCH,)})
    await told.follow({"p": (LAUNCH,)})
    assert len(book.told) == 3
