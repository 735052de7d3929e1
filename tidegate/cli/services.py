"""The four services as commands. A flag wins over the environment, which wins over the file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from tidegate.shared.service import run
from tidegate.shared.settings import Settings, load

S = TypeVar("S", bound=Settings)

Config = Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file; this service's table of it is read.")]
Listen = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Address to serve on; port 0 takes a free one.")]
Metrics = Annotated[
    str | None, typer.Option("--metrics", metavar="HOST:PORT", help="Prometheus metrics over HTTP; off unless given.")
]
Level = Annotated[str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")]
Routers = Annotated[
    list[str] | None,
    typer.Option("--router", metavar="HOST:PORT", help="Admin address of a router; may be given several times."),
]


def router(
    listen: Listen = None,
    admin: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address of the admin service; keep it private.")
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST:PORT", help="A model server; may be given several times."),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the data plane.")] = None,
    no_health_checks: Annotated[
        bool, typer.Option("--no-health-checks", help="Take each backend as ready, and as serving every model.")
    ] = False,
    config: Config = None,
    metrics: Metrics = None,
    log_level: Level = None,
) -> None:
    """Send each inference to the replica with the fewest outstanding requests."""
    from router.server import serve
    from router.settings import RouterSettings

    flags = {
        "listen": listen,
        "admin": admin,
        "backends": tuple(backend or ()),
        "threads": threads,
        "health_checks": False if no_health_checks else None,
    }
    run(_settings(RouterSettings, config, flags, metrics, log_level), serve)


def model_server(
    listen: Listen = None,
    models: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Repository: DIR/<model>/<version>/model.onnx | .pt2 | .pt")
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")] = None,
    router: Routers = None,
    advertise: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address that routers shall use; the bound one by default.")
    ] = None,
    pool: Annotated[str | None, typer.Option(help="Pool that this replica belongs to.")] = None,
    replica_id: Annotated[str | None, typer.Option(help="Unique among replicas; made up when not given.")] = None,
    config: Config = None,
    metrics: Metrics = None,
    log_level: Level = None,
) -> None:
    """Serve the models of a repository with dynamic batching."""
    from model_server.server import serve
    from model_server.settings import ModelServerSettings

    flags = {
        "listen": listen,
        "models": models,
        "device": device,
        "routers": tuple(router or ()),
        "advertise": advertise,
        "pool": pool,
        "replica_id": replica_id,
    }
    run(_settings(ModelServerSettings, config, flags, metrics, log_level), serve)


def forecaster(
    listen: Listen = None,
    router: Routers = None,
    history: Annotated[Path | None, typer.Option(metavar="FILE", help="SQLite file that demand is kept in.")] = None,
    config: Config = None,
    metrics: Metrics = None,
    log_level: Level = None,
) -> None:
    """Keep the demand that routers see, and forecast it."""
    from forecaster.server import serve
    from forecaster.settings import ForecasterSettings

    flags = {"listen": listen, "routers": tuple(router or ()), "history": history}
    run(_settings(ForecasterSettings, config, flags, metrics, log_level), serve)


def scaler(
    listen: Listen = None,
    router: Routers = None,
    forecaster: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Address of the forecaster.")] = None,
    executor: Annotated[
        str | None, typer.Option(metavar="NAME", help="local starts and stops processes; kubernetes scales a cluster.")
    ] = None,
    store: Annotated[Path | None, typer.Option(metavar="FILE", help="SQLite file that decisions are kept in.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Decide and log what would be done; change nothing.")
    ] = False,
    config: Config = None,
    metrics: Metrics = None,
    log_level: Level = None,
) -> None:
    """Ask for replicas one measured start-up time before they are needed; pools come from the config file."""
    from scaler.server import serve
    from scaler.settings import ScalerSettings

    flags = {
        "listen": listen,
        "routers": tuple(router or ()),
        "forecaster": forecaster,
        "executor": executor,
        "store": store,
        "dry_run": dry_run or None,
    }
    settings = _settings(ScalerSettings, config, flags, metrics, log_level)
    if settings.config is None:  # one file for all four: the replicas' table stands beside the scaler's
        settings = settings.model_copy(update={"config": config})
    run(settings, serve)


def _settings(
    settings_type: type[S], config: Path | None, flags: Mapping[str, Any], metrics: str | None, log_level: str | None
) -> S:
    return load(settings_type, config, {**flags, "metrics_listen": metrics, "log_level": log_level})
