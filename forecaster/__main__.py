"""`python -m forecaster`: the forecaster, its settings from the environment alone."""

from forecaster.server import serve
from forecaster.settings import ForecasterSettings
from tidegate.shared.service import run
from tidegate.shared.settings import load

if __name__ == "__main__":
    run(load(ForecasterSettings), serve)
