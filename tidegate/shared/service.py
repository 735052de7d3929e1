"""How every service's process runs: logging first, then its server until a signal stops it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tidegate.shared import logging
from tidegate.shared.settings import Settings

S = TypeVar("S", bound=Settings)


def run(settings: S, serve: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    """Set logging up under the service's name (its section, with dashes) and serve until stopped."""
    logging.set_up(settings.section.replace("_", "-"), settings.log_level)
    asyncio.run(serve(settings))
