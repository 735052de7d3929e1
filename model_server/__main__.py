"""`python -m model_server`: one replica, configured by the environment."""

import asyncio

from model_server.server import serve
from model_server.settings import ModelServerSettings
from tidegate.shared import logging
from tidegate.shared.settings import load

if __name__ == "__main__":
    settings = load(ModelServerSettings)
    logging.set_up("model-server", settings.log_level)
    asyncio.run(serve(settings))
