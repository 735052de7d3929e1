"""Following a Prometheus server in place of the routers: each step as it is over, after an outage all that it missed.

What was there before the first start is taken as imported: it counts wherever nobody else was counting, so that
changing over from routers counts nothing twice. From then on Prometheus is a source like a router.
"""

import asyncio
from collections.abc import Callable

import structlog

from forecaster import prometheus
from forecaster.engine import Engine
from forecaster.history import History
from forecaster.lease import RENEW_S
from forecaster.metrics import Metrics
from forecaster.observations import Observation, checked
from forecaster.series import IMPORTED
from forecaster.settings import PrometheusSettings
from tidegate.shared.errors import InvalidRequest, InvalidSeries, ModelFailed, NotReady
from tidegate.shared.values import DemandSeries

SOURCE = "prometheus"
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0

_log = structlog.get_logger(__name__)


class Tail:
    """One server's answers to one expression, into the history. `clock` gives epoch seconds."""

    def __init__(
        self,
        settings: PrometheusSettings,
        engine: Engine,
        history: History,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._history = history
        self._clock = clock
        self._followed = metrics.following.labels(settings.url)
        self._told_until_s: float | None = None
        self._refused: set[str] = set()

    async def run(self) -> None:
        """Keep up, for ever. While another forecaster leads, it follows; this one begins when it takes over."""
        while not self._engine.leading:  # noqa: ASYNC110 - the lease is looked at as often, and lies in a file
            await asyncio.sleep(RENEW_S)
        following, pause_s = False, FIRST_PAUSE_S
        while True:
            try:
                await self.catch_up()
            except (InvalidRequest, ModelFailed, NotReady) as error:
                if following or pause_s == FIRST_PAUSE_S:
                    _log.warning("no demand from Prometheus, trying again", url=self._settings.url, why=str(error))
                following = False
                self._followed.set(0)
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, 2.0 * pause_s)
                continue
            if not following:
                _log.info("following", url=self._settings.url)
            following, pause_s = True, FIRST_PAUSE_S
            self._followed.set(1)
            await asyncio.sleep(self._next_in_s())

    async def catch_up(self) -> None:
        """Take in every step that is over and not known yet, oldest first, each stretch of all models or of none.

        Raises ServiceUnreachable, InvalidRequest, ModelFailed for what Prometheus answers, NotReady for the history.
        """
        step_s = self._settings.step_s
        until_s = self._over_s()
        source = SOURCE
        if self._told_until_s is None:
            self._told_until_s = await asyncio.to_thread(self._history.told_until_s, SOURCE)
        if self._told_until_s is None:
            source, self._told_until_s = IMPORTED, (until_s - self._settings.backfill_s) // step_s * step_s
        while self._told_until_s < until_s:
            end_s = min(self._told_until_s + prometheus.POINTS * step_s, until_s)
            await self._take(source, self._told_until_s, end_s)
            self._told_until_s = end_s

    async def _take(self, source: str, start_s: float, end_s: float) -> None:
        wanted = self._settings
        query = prometheus.RangeQuery(wanted.query, start_s, end_s, wanted.step_s, wanted.model, wanted.model_label)
        found = await asyncio.to_thread(lambda: list(prometheus.read(wanted.url, query, lambda *_: None)))
        told = [one for series in found if (one := self._observation(source, series)) is not None]
        await self._engine.observe(told)

    def _observation(self, source: str, series: DemandSeries) -> Observation | None:
        """A series as an observation; one that makes no sense is left out and told of once: the others go on."""
        rates = series.rate_rps.tolist()
        try:
            return checked(series.model, source, series.start_s, series.step_s, rates, now_s=self._clock())
        except InvalidSeries as error:
            if series.model not in self._refused:
                _log.error("a series of Prometheus is left out", model=series.model, why=str(error))
            self._refused.add(series.model)
            return None

    def _over_s(self) -> float:
        """The end of the last step that Prometheus should know by now."""
        step_s = self._settings.step_s
        return (self._clock() - self._settings.delay_s) // step_s * step_s

    def _next_in_s(self) -> float:
        """Seconds until one more step is over."""
        return self._over_s() + self._settings.step_s + self._settings.delay_s - self._clock()
