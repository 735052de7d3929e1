"""`python -m scaler`: the scaler, its settings from the environment alone."""

from scaler.server import serve
from scaler.settings import ScalerSettings
from tidegate.shared.service import run
from tidegate.shared.settings import load

if __name__ == "__main__":
    run(load(ScalerSettings), serve)
