"""`python -m model_server`: one replica, its settings from the environment alone."""

from model_server.server import serve
from model_server.settings import ModelServerSettings
from tidegate.shared.service import run
from tidegate.shared.settings import load

if __name__ == "__main__":
    run(load(ModelServerSettings), serve)
