"""`tidegate up`: router, forecaster and scaler from one file; the scaler starts the model servers."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.supervisor import Child, supervise
from tidegate.shared import logging
from tidegate.shared.errors import InvalidSetting
from tidegate.shared.grpc_server import stop_signal
from tidegate.shared.settings import load
from tidegate.shared.toml import to_toml

SCALER_STOP_S = 90.0
"""The scaler's stop drains every replica, so it may take a model server's lame-duck and drain times."""
STOP_S = 15.0


def up(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file with the tables of all four.")] = None,
    models: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Without --config: one pool that serves every model of DIR.")
    ] = None,
    state: Annotated[
        Path, typer.Option(metavar="DIR", help="Without --config: where history and decisions are kept.")
    ] = Path("tidegate-state"),
    logs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each service's log there instead of to stderr.")
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the file that --models stands for, and end.")
    ] = False,
) -> None:
    """Run all of Tidegate on this machine, from one file, until Ctrl-C.

    Replicas are drained and stopped first, then forecaster and router. A service that ends by itself ends them all
    (exit 1).
    """
    if (config is None) == (models is None):
        raise InvalidSetting("give either --config FILE, or --models DIR")
    if models is not None:
        text = default_config(models, state)
        if print_config:
            typer.echo(text, nl=False)
            return
        state.mkdir(parents=True, exist_ok=True)
        config = state / "tidegate.toml"
        config.write_text(text)
    assert config is not None
    logging.set_up("up")
    asyncio.run(_up(children_of(config), logs))


def default_config(models: Path, state: Path) -> str:
    """The settings file for one pool with every model of a repository. Raises InvalidSetting when there is none."""
    names = sorted(path.name for path in models.iterdir() if path.is_dir()) if models.is_dir() else []
    if not names:
        raise InvalidSetting(f"--models {models}: no folder of a model there (DIR/<model>/<version>/model.onnx)")
    tables: dict[str, dict[str, Any]] = {
        "router": {"listen": "127.0.0.1:8001", "admin": "127.0.0.1:8002"},
        "model_server": {"models": models.resolve(), "device": "auto"},
        "forecaster": {
            "listen": "127.0.0.1:8003",
            "routers": ["127.0.0.1:8002"],
            "history": (state / "history.sqlite").resolve(),
        },
        "scaler": {
            "listen": "127.0.0.1:8004",
            "forecaster": "127.0.0.1:8003",
            "routers": ["127.0.0.1:8002"],
            "store": (state / "scaler.sqlite").resolve(),
            "executor": "local",
            "pools": [{"name": "default", "models": names, "min_replicas": 1, "max_replicas": 4, "mode": "auto"}],
        },
    }
    return to_toml(tables)


def children_of(config: Path) -> list[Child]:
    """The services of a settings file, in the order they start. Raises InvalidSetting for a file that can't work."""
    from forecaster.settings import ForecasterSettings
    from router.settings import RouterSettings
    from scaler.settings import ScalerSettings

    for settings_type in (RouterSettings, ForecasterSettings, ScalerSettings):
        load(settings_type, config)
    file = ("--config", str(config))
    return [
        Child("router", ("router", *file), STOP_S),
        Child("forecaster", ("forecaster", *file), STOP_S),
        Child("scaler", ("scaler", *file), SCALER_STOP_S),
    ]


async def _up(children: list[Child], logs: Path | None) -> None:
    async with stop_signal() as stop:
        await supervise(children, stop, logs)
