"""Following the routers: each one's stream of offered load, second by second, into the history."""

import asyncio
from collections.abc import Callable, Container

import grpc
import numpy as np
import structlog

from forecaster.clocks import RouterClock
from forecaster.engine import Engine
from forecaster.lease import RENEW_S
from forecaster.metrics import Metrics
from forecaster.names import NewNames
from forecaster.observations import Observation
from protos import router_pb2, router_pb2_grpc
from tidegate.shared.errors import NotReady
from tidegate.shared.grpc_server import channel

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

_log = structlog.get_logger(__name__)


async def follow(address: str, engine: Engine, metrics: Metrics, clock: Callable[[], float], backfill_s: float) -> None:
    """Keep one router's demand, for ever: after a break, from the second after the last one that came.

    While another forecaster leads, it follows; this one begins when it takes over.
    """
    while not engine.leading:  # noqa: ASYNC110 - the lease is looked at as often, and lies in a file
        await asyncio.sleep(RENEW_S)
    since = int(clock() - backfill_s)
    names, their_clock = NewNames(), RouterClock()
    pause_s = FIRST_PAUSE_S
    followed = metrics.following.labels(address)
    async with channel(address) as connection:
        stub = router_pb2_grpc.RouterAdminStub(connection)
        while True:
            try:
                async for second in stub.WatchDemand(router_pb2.WatchDemandRequest(since_second=max(since, 1))):
                    if pause_s:
                        pause_s = 0.0
                        _log.info("following", router=address, router_id=second.router_id)
                    followed.set(1)
                    if their_clock.told(second.second, second.sent_at_s, clock()):
                        _warn(address, second.router_id, their_clock)
                    metrics.clock_ahead.labels(address).set(their_clock.ahead_s)
                    at = second.second + their_clock.shift_s
                    await engine.observe(_observations(second, at, names, engine.shelf.series))
                    since = second.second + 1
                why = "the stream ended"
            except grpc.aio.AioRpcError as error:
                why = f"{error.code().name}: {error.details()}"
            except NotReady as error:  # the history takes nothing now: the router keeps what is not stored yet
                why = str(error)
            followed.set(0)
            if not pause_s:
                _log.warning("lost a router's demand, trying again", router=address, why=why)
            pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2.0 * pause_s))
            await asyncio.sleep(pause_s)


def _warn(address: str, router_id: str, their_clock: RouterClock) -> None:
    if not their_clock.shift_s:
        _log.info("clocks agree again", router=address, router_id=router_id)
        return
    _log.warning(
        "clocks disagree: this router's demand is counted at our time",
        router=address,
        router_id=router_id,
        router_ahead_s=round(their_clock.ahead_s, 1),
        mend="keep both machines' clocks by NTP (timedatectl, chronyc tracking)",
    )


def _observations(
    second: router_pb2.DemandSecond, at: int, names: NewNames, known: Container[str]
) -> list[Observation]:
    """What a router told of one second, which is `at` by our clock."""
    told = [
        (one.model, *counted)
        for one in second.models
        for counted in names.tell(one.model, at, one.arrivals, one.model in known)
    ]
    return [
        Observation(model, second.router_id, float(begin), 1.0, np.array([float(arrivals)]))
        for model, begin, arrivals in told
    ]
