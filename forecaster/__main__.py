"""`python -m forecaster`: serve with settings from the environment."""

import asyncio

from forecaster.server import serve
from forecaster.settings import ForecasterSettings
from tidegate.shared import logging
from tidegate.shared.settings import load

if __name__ == "__main__":
    settings = load(ForecasterSettings)
    logging.set_up("forecaster", settings.log_level)
    asyncio.run(serve(settings))
