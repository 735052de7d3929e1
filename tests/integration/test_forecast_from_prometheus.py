"""Backfill out of a real Prometheus server."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from forecaster import prometheus as core
from tests.support.processes import free_address
from tests.support.prometheus import prometheus
from tidegate.shared.errors import InvalidRequest, ServiceUnreachable

STEP_S, STEPS = 60, 12_000  # over the 11 000 points of one question
END_S = int(time.time()) // 3600 * 3600 - 7200
START_S = END_S - STEPS * STEP_S
RATES = {"digits": 40 + np.round(20 * np.sin(np.arange(STEPS) / 200)), "letters": np.full(STEPS, 3.0)}
GAP = slice(5000, 5100)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    lines = ["# TYPE requests gauge"]
    for model, rates in RATES.items():
        for step, rate in enumerate(rates):
            if not GAP.start <= step < GAP.stop:
                lines.append(f'requests{{model="{model}"}} {rate} {START_S + (step + 1) * STEP_S}')
    with prometheus(tmp_path_factory.mktemp("prometheus"), lines) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield url


def query(**changed: object) -> core.RangeQuery:
    asked = {"expression": "requests", "start_s": START_S, "end_s": END_S, "step_s": STEP_S, "label": "model"}
    return core.RangeQuery(**(asked | changed))


def test_every_model_comes_in_pieces_at_its_own_times_and_gaps_stay_gaps(server: str):
    pieces = list(core.read(server, query(), lambda *_: None))
    for model, rates in RATES.items():
        mine = [one for one in pieces if one.model == model]
        assert [one.start_s for one in mine] == [START_S, START_S + core.POINTS * STEP_S]
        came = np.concatenate([one.rate_rps for one in mine])
        expected = rates.copy()
        expected[GAP] = np.nan
        # A value is looked back for over five minutes, Prometheus's staleness: the gap's first minutes repeat it.
        stale = slice(GAP.start, GAP.start + 5)
        np.testing.assert_array_equal(np.delete(came, np.r_[stale]), np.delete(expected, np.r_[stale]))


def test_a_step_that_is_not_over_is_left_out(server: str):
    asked = query(expression="requests{model='letters'}", start_s=END_S - 90, end_s=END_S - 1)
    (piece,) = core.read(server, asked, lambda *_: None)
    assert (piece.start_s, len(piece.rate_rps)) == (END_S - 120, 1)


def test_what_prometheus_refuses_is_said_in_its_words(server: str):
    with pytest.raises(InvalidRequest, match="parse error"):
        list(core.read(server, query(expression="sum("), lambda *_: None))
    with pytest.raises(InvalidRequest, match="gives 2 series: aggregate them"):
        list(core.read(server, query(model="digits", label=""), lambda *_: None))
    with pytest.raises(InvalidRequest, match="has no label 'service'; it has: __name__, model"):
        list(core.read(server, query(label="service"), lambda *_: None))
    twice = 'requests or label_replace(requests{model="letters"}, "copy", "1", "", "")'
    with pytest.raises(InvalidRequest, match=r"several series with model='letters': aggregate .* sum by \(model"):
        list(core.read(server, query(expression=twice), lambda *_: None))
    with pytest.raises(InvalidRequest, match="the server's URL is"):
        list(core.read("http://localhost:port", query(), lambda *_: None))
    with pytest.raises(ServiceUnreachable, match="no Prometheus answers"):
        list(core.read(f"http://{free_address()}", query(), lambda *_: None))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"step_s": 0.5}, "step_s is 0.5"),
        ({"end_s": START_S}, "must come after the start"),
        ({"model": "digits"}, "either the model"),
    ],
)
def test_a_question_without_sense_is_refused(changed: dict[str, object], said: str):
    with pytest.raises(InvalidRequest, match=said):
        query(**changed)
