"""A forecaster's engine with a clock that is told, and fits that run at once."""

from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from forecaster.database import Database
from forecaster.engine import Engine, Question
from forecaster.history import History
from forecaster.lease import Lease
from forecaster.metrics import Metrics
from forecaster.observations import Observation
from forecaster.refits import Workers
from forecaster.serving import Series
from forecaster.settings import ForecasterSettings
from forecaster.upkeep import Upkeep
from tests.support.tides import counted, tide_rates

START_S = 1_000_000.0
TIDE = counted(tide_rates(600, 60, 40)).rate_rps


class AtOnce(Executor):
    """Runs what it is given at once, and counts."""

    def __init__(self) -> None:
        self.fits = 0
        self.broken = False

    def submit(self, function, /, *arguments, **named):
        future: Future = Future()
        self.fits += 1
        try:
            if self.broken:
                raise BrokenProcessPool("it died")
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


class Rig:
    def __init__(self, folder: Path, name: str = "a", **settings: object) -> None:
        self.now_s = START_S
        self.fast, self.slow = AtOnce(), AtOnce()
        self.database = Database(folder / "history.sqlite")
        self.registry = CollectorRegistry()
        self.metrics = metrics = Metrics(self.registry)
        chosen, clock = ForecasterSettings(**settings), lambda: self.now_s
        workers = Workers({"fast": lambda: self.fast, "slow": lambda: self.slow})
        self.engine = Engine(self.database, chosen, metrics, clock, workers)
        metrics.watch(self.engine.shelf.series)
        lease = Lease(self.database, name, name)
        self.upkeep = Upkeep(self.engine, History(self.database), lease, chosen, metrics, clock)

    async def observe(self, rates: np.ndarray, source: str = "r1", start_s: float | None = None) -> None:
        first = self.now_s if start_s is None else start_s
        await self.engine.observe([Observation("digits", source, first, 1.0, np.asarray(rates, dtype=float))])
        if start_s is None:
            self.now_s += len(rates)

    async def forecast(self, horizon_s: float = 30.0, **named):
        return await self.engine.forecast(Question("digits", horizon_s, **named))

    @property
    def series(self) -> Series:
        return self.engine.shelf.series["digits"]

    async def refit(self) -> None:
        """Start what is due, and wait for it."""
        self.engine.refits.start_due(self.engine.shelf.series)
        for task in list(self.engine.refits._tasks):
            await task

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"tidegate_forecaster_{name}", {"model": "digits"} | labels)
