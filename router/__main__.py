"""`python -m router`: the router with its settings from the environment."""

import asyncio

from router.server import serve
from router.settings import RouterSettings
from tidegate.shared import logging
from tidegate.shared.settings import load

if __name__ == "__main__":
    settings = load(RouterSettings)
    logging.set_up("router", settings.log_level)
    asyncio.run(serve(settings))
