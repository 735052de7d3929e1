"""The demo's machinery on a few seconds of traffic: real training, real processes, every answer checked."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tidegate.demo.config import prepare
from tidegate.demo.models import MODELS, build_repository
from tidegate.demo.report import policy_report
from tidegate.demo.run import Case, run_policy
from tidegate.demo.scenario import Peak, Scenario, made_up
from tidegate.demo.screen import Screen
from tidegate.demo.traffic import make_traffic

LIVE_S = 12


@pytest.fixture
def scenario() -> Scenario:
    whole = made_up(np.random.default_rng(0))
    return Scenario("short", whole.day_s, whole.history_rps, whole.live_rps[:LIVE_S], (Peak(5.0, 2.0, 30.0),))


async def test_a_short_run_answers_everything_and_is_accounted_for(scenario: Scenario, tmp_path: Path) -> None:
    digits = build_repository(tmp_path / "models")
    assert digits.accuracy > 0.94
    traffic = make_traffic(scenario, len(digits.truth), np.random.default_rng(0))
    stack = prepare(tmp_path / "predictive", tmp_path / "models", "predictive", min_replicas=1)
    shown = io.StringIO()
    case = Case("predictive", scenario, traffic, digits, tmp_path / "models")
    run = await run_policy(case, stack, Screen(Console(file=shown, width=200)))
    report = policy_report(run)
    assert (report["requests"], report["failed"]) == (len(traffic.due_s), 0), shown.getvalue()
    assert set(traffic.model) == set(range(len(MODELS)))
    assert report["accuracy"] > 0.9
    assert report["replica_seconds"] >= LIVE_S - 1
    assert report["spikes"] == [{"at": 5.0, "ready_ahead_s": 5.0}]
    assert run.predictions, "no forecast was made in time"
    assert "rate" in shown.getvalue()
    text = (stack.logs / "up.log").read_text()
    assert text.index('"scaler", "event": "stopping"') < text.index('"router", "event": "stopping"')
