"""Golden texts of `tidegate forecast show` and `explain`, at 80 columns and without colour.

After a wished change, `TIDEGATE_REWRITE=1 pytest tests/golden` writes them anew: look at them, then at the difference.
"""

from pathlib import Path

import numpy as np
import pytest

from protos import forecast_pb2 as pb
from tests.support.recorded import assert_recorded
from tests.support.tides import tide_rates
from tidegate.cli import forecast_chart as chart
from tidegate.cli import forecast_view as view
from tidegate.shared.values import QUANTILES, DemandSeries, Forecast, Skill

GOLDEN = Path(__file__).parent / "forecast"
NOW_S = 1_772_438_400.0  # 2026-03-02T08:00:00Z


def a_forecast(minutes: int = 90) -> Forecast:
    median = 40.0 + 12.0 * np.sin(np.arange(minutes) / 30.0)
    median[60] = 120.0  # 09:00
    fan = np.array([0.0, 4.0, 7.0, 10.0, 18.0])[:, None] * np.sqrt(1.0 + np.arange(minutes) / 60.0)
    values = median + fan
    highest = np.array([121.0, 126.0, 129.0, 134.0, 143.0])
    skill = Skill(512, 0.31, 0.64, 0.951)
    return Forecast(
        "digits",
        NOW_S,
        NOW_S,
        60.0,
        QUANTILES,
        values,
        5400.0,
        highest,
        np.zeros((0, minutes)),
        skill,
        6e5,
        (86_400.0,),
    )


def a_past(minutes: int = 120) -> DemandSeries:
    rates = tide_rates(minutes, 60, 45)
    rates[50:60] = np.nan
    return DemandSeries("digits", NOW_S - 60.0 * minutes, 60.0, rates)


def an_explanation() -> pb.ExplainResponse:
    def figures(*values: float) -> list[pb.QuantileFigure]:
        return [pb.QuantileFigure(quantile=q, value=v) for q, v in zip(QUANTILES, values, strict=True)]

    skills = [
        pb.HorizonSkill(
            ahead_s=ahead_s, skill=pb.Skill(origins=512, vs_seasonal_naive=0.3, vs_last_value=0.6, coverage_95=0.95)
        )
        for ahead_s in (60.0, 3600.0)
    ]
    return pb.ExplainResponse(
        model="digits",
        from_s=NOW_S,
        until_s=NOW_S + 3600,
        median_rps=46.2,
        components=[
            pb.Component(name=name, rate_rps=rate)
            for name, rate in (("level", 51.0), ("daily season", -6.0), ("recent errors", -0.8), ("events", 2.0))
        ],
        conformal=figures(0.1, 4.0, 7.0, 10.0, 18.0),
        widened=figures(0.0, 0.0, 0.2, 0.4, 0.0),
        members=[
            pb.Member(name="profile", weight=0.7, loss=1.2),
            pb.Member(name="harmonic", weight=0.3, loss=1.5),
            pb.Member(name="mstl", weight=0.0, loss=float("nan"), failure="ValueError: too short"),
        ],
        seasons_s=[86_400.0],
        health=pb.Health(
            coverage=figures(0.502, 0.797, 0.9, 0.951, 0.988),
            window_coverage=figures(0.52, 0.81, 0.91, 0.955, 0.99),
            pinball_rps=figures(1.9, 1.4, 0.9, 0.6, 0.2),
            skill_by_horizon=skills,
            drift=1.3,
        ),
        fitted_at_s=NOW_S - 600,
        fit_seconds=0.21,
        events=[pb.Event(model="digits", name="sale", start_s=NOW_S + 1800, end_s=NOW_S + 5400, factor=2.0)],
        summary="Over the next 1 h about 46.2 requests/s are expected.",
    )


def test_the_drawing(monkeypatch: pytest.MonkeyPatch):
    compare("show", chart.draw(a_forecast(), a_past(), 80, colour=False))


def test_the_whole_answer_of_show(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    plain(monkeypatch)
    view.print_forecast(a_forecast(), a_past())
    compare("show-whole", capsys.readouterr().out)


def test_an_explanation_in_words_and_numbers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    plain(monkeypatch)
    view.print_explanation(an_explanation())
    compare("explain", capsys.readouterr().out)


def test_spikes_are_labelled_by_their_own_time_and_a_tide_is_none():
    median = a_forecast().values_rps[0]
    assert chart.spikes(median, 5) == [60]
    assert chart.spikes(50.0 - 30.0 * np.cos(np.arange(600) / 30.0), 5) == []
    assert chart.spikes(np.zeros(30), 5) == []


def test_nothing_observed_and_a_single_quantile_can_be_drawn():
    one = Forecast("m", NOW_S, NOW_S, 1.0, (0.9,), np.ones((1, 1)), 1.0, np.ones(1), np.zeros((0, 1)))
    drawn = chart.draw(one, DemandSeries("m", NOW_S, 1.0, np.zeros(0)), 80, colour=False)
    assert max(map(len, drawn.splitlines())) <= 80


def test_the_png_is_an_image(tmp_path: Path):
    chart.save(tmp_path / "chart.png", a_forecast(), a_past())
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")


def compare(name: str, text: str) -> None:
    lines = [line.rstrip() for line in text.splitlines()]
    assert max(map(len, lines)) <= 80
    assert_recorded(GOLDEN / f"{name}.txt", "\n".join(lines) + "\n")
