"""`python -m scaler`: the scaler, its settings from the environment alone."""

import asyncio

from scaler.server import serve
from scaler.settings import ScalerSettings
from tidegate.shared import logging
from tidegate.shared.settings import load

if __name__ == "__main__":
    settings = load(ScalerSettings)
    logging.set_up("scaler", settings.log_level)
    asyncio.run(serve(settings))
