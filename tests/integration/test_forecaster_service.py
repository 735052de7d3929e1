"""The forecaster as a process: what it keeps, what it answers, whom it follows."""

import asyncio
import contextlib
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from protos import forecast_pb2 as pb
from protos import router_pb2, router_pb2_grpc
from protos.forecast_pb2_grpc import ForecasterStub
from tests.support.processes import blocking_channel, free_address, started, wait_until_serving
from tests.support.tides import counted, tide_rates
from tidegate.shared import wire_forecast
from tidegate.shared.grpc_server import channel, listen, new_server

RATES = counted(tide_rates(900, 60, 40)).rate_rps


def observe(stub: ForecasterStub, rates: np.ndarray, **changed: object) -> int:
    first = {"model": "digits", "source": "import", "start_s": float(int(time.time()) - len(rates)), "step_s": 1.0}
    requests = [pb.ObserveRequest(**(first | changed), rate_rps=rates)]
    return stub.Observe(iter(requests), timeout=20).values


@pytest.fixture
def address() -> str:
    return free_address()


@pytest.fixture
def stub(address: str) -> Iterator[ForecasterStub]:
    with blocking_channel(address) as channel:
        yield ForecasterStub(channel)


def arguments(address: str, tmp_path: Path) -> list[str]:
    return ["forecaster", "--listen", address, "--history", str(tmp_path / "history.sqlite")]


def test_demand_in_and_quantile_paths_out(address: str, stub: ForecasterStub, tmp_path: Path):
    log = tmp_path / "log"
    with started(arguments(address, tmp_path), log) as process:
        wait_until_serving(address, process, log)
        assert observe(stub, RATES) == 900
        answer = stub.Forecast(pb.ForecastRequest(model="digits", horizon_s=60, window_s=20, paths=50), timeout=30)
        forecast = wire_forecast.from_proto(answer)
        assert forecast.values_rps.shape == (5, 60)
        assert forecast.paths_rps.shape == (50, 60)
        assert forecast.seasons_s == (60.0,)
        assert forecast.values_rps[0].max() > 60
        assert abs(forecast.start_s - time.time()) < 5

        explained = stub.Explain(pb.ExplainRequest(model="digits", horizon_s=60), timeout=20)
        assert "1 min" in explained.summary
        assert {member.name for member in explained.members} >= {"profile", "harmonic", "seasonal-naive"}
        (listed,) = stub.ListSeries(pb.ListSeriesRequest(), timeout=20).series
        assert listed.model == "digits"
        history = stub.GetHistory(pb.GetHistoryRequest(model="digits", length_s=100), timeout=20)
        assert len(history.rate_rps) == 100
        *_, last = stub.Backtest(pb.BacktestRequest(model="digits", horizon_s=20, origins=3), timeout=60)
        assert last.done == last.origins == 3
        assert 0 < last.result.weighted_quantile_loss["0.95"] < last.result.weighted_quantile_loss["0.5"]
    assert process.returncode == 0, log.read_text()


def test_kill_9_under_load_loses_nothing_that_was_acknowledged_and_the_next_answers_at_once(
    address: str, stub: ForecasterStub, tmp_path: Path
):
    log = tmp_path / "log"
    with started(arguments(address, tmp_path), log) as process:
        wait_until_serving(address, process, log)
        observe(stub, RATES)
        before = stub.Forecast(pb.ForecastRequest(model="digits", horizon_s=30), timeout=30)
        acknowledged = observed_until_killed(stub, process)
    assert acknowledged > 20
    with started(arguments(address, tmp_path), log) as process:
        wait_until_serving(address, process, log)
        after = stub.Forecast(pb.ForecastRequest(model="digits", horizon_s=30), timeout=5, wait_for_ready=True)
        history = stub.GetHistory(pb.GetHistoryRequest(model="load", length_s=5000, step_s=1), timeout=20)
        kept = np.array(history.rate_rps)
        assert sum(np.isfinite(kept)) >= acknowledged
        np.testing.assert_array_equal(kept[np.isfinite(kept)], np.arange(np.isfinite(kept).sum()))
        explained = stub.Explain(pb.ExplainRequest(model="digits", horizon_s=30), timeout=20)
        assert explained.fitted_at_s <= before.start_s, "it is the fit from before that serves"
        assert after.seasons_s == before.seasons_s


def observed_until_killed(stub: ForecasterStub, process: subprocess.Popen[bytes]) -> int:
    """Tell one value after the other, kill the process in the middle, and count those that were acknowledged."""
    begin = int(time.time()) - 3000
    told = threading.Event()

    def kill() -> None:
        told.wait(30)
        process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    acknowledged = 0
    with contextlib.suppress(grpc.RpcError):  # the one that it was killed in
        while acknowledged < 3000:
            observe(
                stub, np.array([float(acknowledged)]), model="load", source="r1", start_s=float(begin + acknowledged)
            )
            acknowledged += 1
            if acknowledged > 20:
                told.set()
    killer.join()
    process.wait(10)
    return acknowledged


def test_two_on_one_history_one_leads_the_other_answers_the_same_and_takes_over(
    address: str, stub: ForecasterStub, tmp_path: Path
):
    other_address, log, other_log = free_address(), tmp_path / "log", tmp_path / "other"
    with started(arguments(address, tmp_path), log) as leader:
        wait_until_serving(address, leader, log)
        observe(stub, RATES)
        asked = pb.ForecastRequest(model="digits", horizon_s=30)
        expected = stub.Forecast(asked, timeout=30)
        with (
            started(arguments(other_address, tmp_path), other_log) as reader,
            blocking_channel(other_address) as channel,
        ):
            wait_until_serving(other_address, reader, other_log)
            other = ForecasterStub(channel)
            with pytest.raises(grpc.RpcError, match=f"only reads its history: {address} leads"):
                observe(other, np.array([1.0]))
            answer = other.Forecast(asked, timeout=30)
            assert (answer.seasons_s, answer.step_s) == (expected.seasons_s, expected.step_s)
            assert other.ListSeries(pb.ListSeriesRequest(), timeout=20).leader == address
            leader.kill()
            leader.wait(10)
            observe_until_taken(other)
            assert other.ListSeries(pb.ListSeriesRequest(), timeout=20).leader == other_address


def observe_until_taken(stub: ForecasterStub) -> None:
    for _ in range(200):
        try:
            observe(stub, np.array([1.0]))
        except grpc.RpcError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("nobody took over")


def test_events_are_planned_listed_seen_in_forecasts_and_removed(shared: ForecasterStub):
    observe(shared, RATES, model="events")
    asked = pb.ForecastRequest(model="events", horizon_s=60)
    usual = np.array(shared.Forecast(asked, timeout=30).values[0].rate_rps)
    start_s = time.time() + 20
    shared.AddEvent(
        pb.Event(model="events", name="sale", start_s=start_s, end_s=start_s + 10, added_rps=900), timeout=20
    )
    (listed,) = shared.ListEvents(pb.ListEventsRequest(model="events"), timeout=20).events
    assert (listed.name, listed.factor, listed.added_rps) == ("sale", 1.0, 900.0)
    assert np.array(shared.Forecast(asked, timeout=30).values[0].rate_rps).max() > 900
    explained = shared.Explain(pb.ExplainRequest(model="events", horizon_s=60), timeout=20)
    assert [one.name for one in explained.events] == ["sale"]
    shared.RemoveEvent(pb.RemoveEventRequest(model="events", name="sale"), timeout=20)
    assert np.array(shared.Forecast(asked, timeout=30).values[0].rate_rps).max() < 2 * usual.max()


def test_a_watcher_gets_one_forecast_after_the_other(shared: ForecasterStub):
    observe(shared, RATES, model="watched")
    request = pb.WatchForecastRequest(forecast=pb.ForecastRequest(model="watched", horizon_s=20), every_s=0.2)
    watch = shared.WatchForecast(request, timeout=30)
    answers = [next(watch) for _ in range(3)]
    watch.cancel()
    issued = [one.issued_at_s for one in answers]
    assert issued == sorted(set(issued))
    assert all(len(one.values) == 5 for one in answers)


@pytest.mark.parametrize(
    ("ask", "status", "said"),
    [
        (lambda s: observe(s, np.array([1.0, -3.0])), "INVALID_ARGUMENT", "rate_rps[1] is -3"),
        (lambda s: observe(s, np.array([1.0]), step_s=-1.0), "INVALID_ARGUMENT", "step_s is -1"),
        (lambda s: observe(s, np.array([1.0]), start_s=90.5), "INVALID_ARGUMENT", "start_s is 90.500"),
        (lambda s: observe(s, np.array([1.0]), start_s=9e9), "INVALID_ARGUMENT", "start_s is 9000000000.000"),
        (lambda s: s.Forecast(pb.ForecastRequest(model="x", horizon_s=9)), "NOT_FOUND", "model 'x' was ever observed"),
        (lambda s: s.AddEvent(pb.Event(model="x", start_s=1, end_s=2)), "INVALID_ARGUMENT", "name is empty"),
        (lambda s: s.AddEvent(pb.Event(name="x", start_s=3, end_s=2)), "INVALID_ARGUMENT", "end_s is 2"),
        (lambda s: s.AddEvent(pb.Event(name="x", end_s=2, factor=-1)), "INVALID_ARGUMENT", "factor is -1"),
        (lambda s: s.RemoveEvent(pb.RemoveEventRequest(name="x")), "NOT_FOUND", "no event 'x' of all models"),
    ],
)
def test_what_makes_no_sense_is_refused(
    shared: ForecasterStub, ask: Callable[[ForecasterStub], object], status: str, said: str
):
    with pytest.raises(grpc.RpcError) as raised:
        ask(shared)
    assert raised.value.code().name == status
    assert said in raised.value.details()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForecasterStub]:
    folder, address = tmp_path_factory.mktemp("shared"), free_address()
    with (
        started(arguments(address, folder), folder / "log") as process,
        blocking_channel(address) as channel,
    ):
        wait_until_serving(address, process, folder / "log")
        yield ForecasterStub(channel)


class FakeRouter(router_pb2_grpc.RouterAdminServicer):
    """Tells the seconds it kept, `breaks` the stream after each so many, and remembers what it was asked."""

    def __init__(self, router_id: str, arrivals: int, breaks: int, ahead_s: float = 0.0) -> None:
        self.router_id, self.arrivals, self.breaks, self.ahead_s = router_id, arrivals, breaks, ahead_s
        self.asked: list[int] = []
        self.first = int(self.clock()) - 30

    def clock(self) -> float:
        return time.time() + self.ahead_s

    async def WatchDemand(self, request, context) -> AsyncIterator[router_pb2.DemandSecond]:  # noqa: N802 - the wire's
        self.asked.append(request.since_second)
        begin = max(self.first, request.since_second)
        for second in range(begin, begin + self.breaks):
            await asyncio.sleep(max(0.0, second + 1.0 - self.clock()))
            demand = [router_pb2.ModelDemand(model="digits", arrivals=self.arrivals)]
            yield router_pb2.DemandSecond(
                router_id=self.router_id, second=second, models=demand, sent_at_s=self.clock()
            )


async def test_two_routers_are_followed_summed_and_taken_up_again_after_a_break_whatever_their_clocks_say(
    tmp_path: Path,
):
    routers = [FakeRouter("a", 5, breaks=12), FakeRouter("b", 7, breaks=1000, ahead_s=1000.0)]
    servers, addresses = [], []
    for router in routers:
        server, _ = new_server(["tidegate.router.v1.RouterAdmin"])
        router_pb2_grpc.add_RouterAdminServicer_to_server(router, server)
        addresses.append(listen(server, "127.0.0.1:0"))
        await server.start()
        servers.append(server)
    log, address = tmp_path / "log", free_address()
    flags = [flag for one in addresses for flag in ("--router", one)]
    with started([*arguments(address, tmp_path), *flags], log) as process:
        await asyncio.to_thread(wait_until_serving, address, process, log)
        async with channel(address) as connection:
            rates = await _until_known(ForecasterStub(connection), seconds=25)
    for server in servers:
        await server.stop(0)
    np.testing.assert_array_equal(rates[np.isfinite(rates)], 12.0)
    assert len(routers[0].asked) >= 2
    assert routers[0].asked[1] == routers[0].first + 12
    (warned,) = (line for line in log.read_text().splitlines() if "clocks disagree" in line)
    assert addresses[1] in warned
    assert "router_ahead_s" in warned


async def _until_known(stub: ForecasterStub, seconds: int) -> np.ndarray:
    """The history once both routers' last `seconds` have arrived."""
    for _ in range(200):
        try:
            answer = await stub.GetHistory(pb.GetHistoryRequest(model="digits", length_s=60), timeout=10)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
        else:
            rates = np.array(answer.rate_rps)
            if np.isfinite(rates).sum() >= seconds:
                return rates
        await asyncio.sleep(0.1)
    raise AssertionError("the routers' demand did not arrive")
