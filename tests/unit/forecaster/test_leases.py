from pathlib import Path

import pytest

from forecaster.database import Database
from forecaster.lease import LEASE_S, Lease


@pytest.fixture
def database(tmp_path: Path):
    opened = Database(tmp_path / "h.sqlite")
    yield opened
    opened.close()


def test_the_first_leads_and_the_others_are_told_where(database: Database):
    first, second = Lease(database, "host/a", "a:1"), Lease(database, "host/b", "b:1")
    assert first.claim(100.0).leading
    held = second.claim(101.0)
    assert (held.leading, held.address) == (False, "a:1")


def test_a_lease_that_is_held_on_to_does_not_lapse_and_one_that_is_not_does(database: Database):
    first, second = Lease(database, "host/a", "a:1"), Lease(database, "host/b", "b:1")
    first.claim(100.0)
    first.claim(100.0 + LEASE_S)
    assert not second.claim(101.0 + LEASE_S).leading
    assert second.claim(101.0 + 2 * LEASE_S).leading
    assert not first.claim(101.0 + 2 * LEASE_S).leading


def test_one_started_again_on_its_address_leads_at_once_and_one_that_stops_lets_go(database: Database):
    Lease(database, "host/a", "a:1").claim(100.0)
    again = Lease(database, "host/a", "a:1")
    assert again.claim(100.5).leading
    again.release()
    assert Lease(database, "host/b", "b:1").claim(100.6).leading
