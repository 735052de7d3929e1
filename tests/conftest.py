"""For all tests."""

import asyncio
import signal
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

# How long an example takes says nothing here: the machine runs other tests at the same time.
hypothesis.settings.register_profile("tidegate", deadline=None)
hypothesis.settings.load_profile("tidegate")


def pytest_sessionstart() -> None:
    """No event loop is set before the first async test, and Ctrl-C ends what tests start.

    On Python 3.11 pytest-asyncio's look for a loop to put back would otherwise make one that nobody closes, and the
    ResourceWarning at the end of the session is an error. A shell that starts tests in the background has them ignore
    SIGINT, and all that they start with them: a test that interrupts a command would wait for ever.
    """
    asyncio.set_event_loop(None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    """A command that set logging up in this process wrote to a stderr that was the test's own."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
