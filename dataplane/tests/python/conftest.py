"""Shared by the attack tests: one honest backend, and one data plane with the default limits before it."""

import asyncio

import pytest
from support import data_plane, honest_backend


def pytest_collection_finish() -> None:
    """No event loop is set before the first async test; tests/conftest.py says why."""
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def backend():
    with honest_backend() as address:
        yield address


@pytest.fixture(scope="module")
def plane(backend):
    with data_plane(backend) as child:
        yield child
