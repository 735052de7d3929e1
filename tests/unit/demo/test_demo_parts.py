import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from forecaster.settings import ForecasterSettings
from model_server.settings import ModelServerSettings
from protos import inference_pb2 as pb
from router.settings import RouterSettings
from scaler.settings import ScalerSettings
from tidegate.client.results import OK, LoadResult
from tidegate.demo import chart
from tidegate.demo.config import Stack, settings_tables
from tidegate.demo.models import MODELS, Digits
from tidegate.demo.records import PolicyRun, Prediction, Sample
from tidegate.demo.scenario import made_up
from tidegate.demo.screen import Row, Screen
from tidegate.demo.traffic import CONSTANT_RPS, AnswerSheet, make_traffic
from tidegate.shared.settings import load
from tidegate.shared.toml import to_toml

DIGITS = Digits(np.zeros((3, 64), dtype=np.float32), truth=np.array([1, 2, 3]), predicted=np.array([1, 2, 4]))


def response(digit: int) -> bytes:
    scores = np.eye(10, dtype="<f4")[digit : digit + 1]
    output = pb.ModelInferResponse.InferOutputTensor(name="scores", datatype="FP32", shape=[1, 10])
    return pb.ModelInferResponse(outputs=[output], raw_output_contents=[scores.tobytes()]).SerializeToString()


def sheet() -> AnswerSheet:
    traffic = make_traffic(made_up(np.random.default_rng(0)), len(DIGITS.truth), np.random.default_rng(0))
    return AnswerSheet(DIGITS, traffic)


def test_an_answer_must_be_what_the_model_itself_says_of_that_image() -> None:
    answers = sheet()
    image = [choice % 3 for choice in answers.choice()]
    right_and_true, misread = image.index(0), image.index(2)
    assert answers.check(right_and_true, response(1))
    assert not answers.check(right_and_true, response(7))
    assert answers.check(misread, response(4))  # the model's own answer, though the true digit is 3
    assert not answers.right[misread]
    assert not answers.check(misread, response(3))
    assert not answers.check(misread, b"")
    assert not answers.check(misread, b"\xff")


def test_every_request_names_its_model_and_carries_its_image() -> None:
    answers = sheet()
    requests = [pb.ModelInferRequest.FromString(one) for one in answers.requests()]
    assert [one.model_name for one in requests] == [name for name in MODELS for _ in range(3)]
    assert {len(one.raw_input_contents[0]) for one in requests} == {64 * 4}
    assert set(answers.choice()) == set(range(6))


def test_history_is_counted_and_gaps_stay() -> None:
    scenario = made_up(np.random.default_rng(0))
    scenario.history_rps[5] = np.nan
    history = make_traffic(scenario, 3, np.random.default_rng(0)).history_rps
    assert np.flatnonzero(np.isnan(history)).tolist() == [5]
    assert np.nansum(history) == pytest.approx(np.nansum(scenario.history_rps), rel=0.02)


def test_arrivals_of_both_models_come_in_their_order() -> None:
    scenario = made_up(np.random.default_rng(0))
    traffic = make_traffic(scenario, 3, np.random.default_rng(0))
    assert np.all(np.diff(traffic.due_s) >= 0)
    for_each = np.bincount(traffic.model)
    assert for_each[0] == pytest.approx(scenario.live_rps.sum(), rel=0.05)
    assert for_each[1] == pytest.approx(CONSTANT_RPS * scenario.live_s, rel=0.2)


@pytest.mark.parametrize("policy", ["hpa", "predictive"])
def test_the_settings_are_ones_that_the_services_take(policy: str, tmp_path: Path) -> None:
    stack = Stack(tmp_path, "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4")
    stack.config.write_text(to_toml(settings_tables(stack, tmp_path, policy, 2)))
    for settings_type in (RouterSettings, ModelServerSettings, ForecasterSettings):
        load(settings_type, stack.config)
    (pool,) = load(ScalerSettings, stack.config).pools
    assert pool.mode == {"hpa": "hpa", "predictive": "auto"}[policy]
    assert pool.hpa.downscale_stabilization_s == 20.0


def a_run(policy: str) -> PolicyRun:
    scenario = made_up(np.random.default_rng(0))
    seconds = range(0, 100, 5)
    samples = tuple(Sample(at, 2, 1, 5, "full") for at in seconds)
    predictions = tuple(Prediction(at, at + 9.0, (30.0, 40.0, 50.0)) for at in seconds)
    load_result = LoadResult(np.arange(50.0), np.full(50, 0.1), np.full(50, OK, dtype=object), 100.0)
    return PolicyRun(policy, scenario, load_result, np.ones(50, dtype=bool), scenario.live_rps, samples, predictions)


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    chart.draw([a_run("hpa"), a_run("predictive")], tmp_path / "demo.png")
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")


def row(at_s: float) -> Row:
    return Row("hpa", at_s, 31.0, (33.0, 43.0), 8.0, "shadow", 2, 1, 4, 0.25, 0)


def test_without_a_terminal_there_is_a_line_every_few_seconds() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, width=200))
    with screen.run("hpa"):
        for second in range(1, 11):
            screen.show(row(float(second)))
    lines = [line for line in out.getvalue().splitlines() if "second" in line]
    assert len(lines) == 2
    for part in ("rate 31/s", "forecast 33 to 43", "asked 2", "ready 1", "outstanding 4", "p99 0.25 s"):
        assert part in lines[0]


def test_on_a_terminal_there_is_a_table_with_the_latest_second() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, width=120, force_terminal=True))
    with screen.run("hpa"):
        screen.show(row(41.0))
    assert "outstanding" in out.getvalue()
    assert "41" in out.getvalue()
