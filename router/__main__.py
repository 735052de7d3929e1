"""`python -m router`: the router, its settings from the environment alone."""

from router.server import serve
from router.settings import RouterSettings
from tidegate.shared.service import run
from tidegate.shared.settings import load

if __name__ == "__main__":
    run(load(RouterSettings), serve)
