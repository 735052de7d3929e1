"""Demand followed from a real Prometheus server: backfill, tail, an outage, a restart."""

import time
from pathlib import Path

import numpy as np
import pytest

from forecaster.history import History
from forecaster.settings import ForecasterSettings, PrometheusSettings
from forecaster.tail import SOURCE, Tail
from protos import forecast_pb2 as pb
from protos.forecast_pb2_grpc import ForecasterStub
from tests.support.engines import Rig
from tests.support.processes import blocking_channel, free_address, started, wait_until_serving
from tests.support.prometheus import prometheus
from tidegate.shared.errors import ServiceUnreachable
from tidegate.shared.toml import to_toml

STEP_S, STEPS = 60.0, 180
START_S = time.time() // 3600 * 3600 - 4 * 3600
RATES = {"digits": 40 + np.round(20 * np.sin(np.arange(STEPS) / 20)), "letters": np.full(STEPS, 3.0)}


def lines(start_s: float = START_S) -> list[str]:
    """What a federated server was told; a value at the end of its step, under a name of its own."""
    return ["# TYPE site:requests:rate1m gauge"] + [
        f'site:requests:rate1m{{model="{model}"}} {rate} {start_s + (step + 1) * STEP_S}'
        for model, rates in RATES.items()
        for step, rate in enumerate(rates)
    ]


def tail_of(rig: Rig, address: str) -> Tail:
    settings = PrometheusSettings(
        url=f"http://{address}", query="site:requests:rate1m", step_s=STEP_S, delay_s=5, backfill_s=3600
    )
    return Tail(settings, rig.engine, History(rig.database), rig.metrics, lambda: rig.now_s)


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Rig(tmp_path)


async def known(rig: Rig, model: str, first: int, last: int) -> np.ndarray:
    """The rates of steps first..last-1, as the history has them."""
    series = await rig.engine.observed(model, (last - first) * STEP_S, STEP_S, START_S + last * STEP_S)
    assert series.start_s == START_S + first * STEP_S
    return series.rate_rps


async def test_backfilled_then_followed_then_caught_up_after_an_outage_without_a_hole(rig: Rig, tmp_path: Path):
    address = free_address()
    tail = tail_of(rig, address)
    with prometheus(tmp_path / "one", lines(), address):
        rig.now_s = START_S + 90 * STEP_S + 5
        await tail.catch_up()
        np.testing.assert_array_equal(await known(rig, "digits", 30, 90), RATES["digits"][30:90])
        assert History(rig.database).told_until_s(SOURCE) is None, "from before the start: it only fills in"
        rig.now_s += 10 * STEP_S + 50  # the last step is not over for another five seconds, and then delay_s
        await tail.catch_up()
        assert History(rig.database).told_until_s(SOURCE) == START_S + 100 * STEP_S
    rig.now_s = START_S + 130 * STEP_S
    with pytest.raises(ServiceUnreachable, match="no Prometheus answers"):
        await tail.catch_up()
    assert History(rig.database).told_until_s(SOURCE) == START_S + 100 * STEP_S
    with prometheus(tmp_path / "two", lines(), address):
        rig.now_s = START_S + 150 * STEP_S + 5
        await tail.catch_up()
        for model, rates in RATES.items():
            np.testing.assert_array_equal(await known(rig, model, 30, 150), rates[30:150])
        rig.now_s = START_S + 170 * STEP_S + 5
        await tail_of(rig, address).catch_up()  # as after a restart
        np.testing.assert_array_equal(await known(rig, "digits", 30, 170), RATES["digits"][30:170])


async def test_a_series_that_makes_no_sense_keeps_no_other_from_being_taken(rig: Rig, tmp_path: Path):
    address = free_address()
    with prometheus(tmp_path / "one", lines(), address):
        rig.now_s = START_S + 90 * STEP_S + 5
        settings = PrometheusSettings(
            url=f"http://{address}", query="site:requests:rate1m - 10", step_s=STEP_S, delay_s=5, backfill_s=600
        )
        await Tail(settings, rig.engine, History(rig.database), rig.metrics, lambda: rig.now_s).catch_up()
        assert History(rig.database).models() == ["digits"], "letters would have -7 requests/s"


def test_a_forecaster_follows_what_its_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    address, log, config = free_address(), tmp_path / "log", tmp_path / "tidegate.toml"
    start_s = time.time() // STEP_S * STEP_S - STEPS * STEP_S
    with prometheus(tmp_path / "server", lines(start_s)) as url:
        followed = {"url": url, "query": "site:requests:rate1m", "step_s": STEP_S, "delay_s": 0.0}
        whole = {"listen": address, "history": tmp_path / "history.sqlite", "prometheus": followed}
        config.write_text(to_toml({"forecaster": whole}))
        with started(["forecaster", "--config", str(config)], log) as process, blocking_channel(address) as channel:
            wait_until_serving(address, process, log)
            stub, deadline = ForecasterStub(channel), time.monotonic() + 30
            listed: list[pb.SeriesInfo] = []
            while len(listed) < 2 and time.monotonic() < deadline:
                listed = list(stub.ListSeries(pb.ListSeriesRequest(), timeout=5).series)
                time.sleep(0.1)
            assert [one.model for one in listed] == ["digits", "letters"], log.read_text()
            assert listed[0].first_s == start_s
            forecast = stub.Forecast(pb.ForecastRequest(model="letters", horizon_s=600), timeout=60)
            assert forecast.values[0].rate_rps[0] == pytest.approx(3.0, abs=0.3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"routers": ["127.0.0.1:8002"]}, "the same demand would be counted twice"),
        ({"prometheus": {"url": "prometheus:9090", "query": "x"}}, "url"),
        ({"prometheus": {"url": "http://p", "query": "x", "model": "digits"}}, "either the model"),
        ({"prometheus": {"url": "http://p", "query": "x", "step_s": 0.5}}, "step_s"),
    ],
)
def test_settings_without_sense_are_refused(changes: dict[str, object], said: str):
    with pytest.raises(ValueError, match=said):
        ForecasterSettings(**{"prometheus": {"url": "http://p", "query": "x"}, **changes})
