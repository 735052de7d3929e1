"""How forecasts are shown: drawn and in tables for people, as plain values for JSON."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotext
from rich.console import Console
from rich.table import Table

from forecaster.backtest import OriginResult, Summary
from forecaster.words import duration
from protos import forecast_pb2 as pb
from tidegate.cli import output
from tidegate.shared import wire_forecast
from tidegate.shared.times import TimeForm, utc
from tidegate.shared.values import DemandSeries, Forecast, Skill

ROWS = 12
"""Rows of the table of next values, evenly spaced over the horizon."""

CHART_HEIGHT = 22


def print_series(found: Sequence[pb.SeriesInfo]) -> None:
    """A table of all series."""
    table = Table("model", "step", "from", "to", "last rate", "missing", "seasons")
    for one in found:
        seasons = ", ".join(duration(s) for s in one.seasons_s) or "-"
        last, missing = f"{one.last_rate_rps:.4g}/s", f"{one.missing_fraction:.0%}"
        table.add_row(one.model, duration(one.step_s), utc(one.first_s), utc(one.last_s), last, missing, seasons)
    Console().print(table if found else "no demand was observed yet: follow a router, or import a file")


def series_values(one: pb.SeriesInfo) -> dict[str, Any]:
    """One series for JSON."""
    names = ("model", "step_s", "first_s", "last_s", "last_rate_rps", "missing_fraction")
    return {name: getattr(one, name) for name in names} | {"seasons_s": list(one.seasons_s)}


def draw(forecast: Forecast, history: DemandSeries) -> None:
    """The past and the fan, the present marked; as wide as the terminal, without colour where that is wished."""
    console = Console()
    now = forecast.start_s
    past_min = (history.times_s() - now) / 60.0
    ahead_min = (forecast.times_s() - now) / 60.0
    known = np.isfinite(history.rate_rps)
    plotext.clear_figure()
    plotext.plot_size(min(console.width, 120), CHART_HEIGHT)
    plotext.theme("pro")
    plotext.plot(past_min[known].tolist(), history.rate_rps[known].tolist(), label="observed", marker="braille")
    for level, rates in zip(forecast.quantiles, forecast.values_rps, strict=True):
        label, marker = ("median", "braille") if level == 0.5 else (f"{level:.0%}", "dot")
        plotext.plot(ahead_min.tolist(), rates.tolist(), label=label, marker=marker)
    plotext.vline(0.0)
    plotext.title(f"{forecast.model}: requests/s, minutes from {utc(now)} (the line is now)")
    drawn = plotext.build()
    plain = console.no_color or not console.is_terminal
    console.file.write((plotext.uncolorize(drawn) if plain else drawn) + "\n")


def print_forecast(forecast: Forecast) -> None:
    """The next values, and the maximum over the window."""
    table = Table("from now", "time", *(f"{level:.0%}" for level in forecast.quantiles))
    times = forecast.times_s()
    for place in np.unique(np.linspace(0, forecast.steps - 1, min(ROWS, forecast.steps)).round().astype(int)):
        rates = (f"{rate:.4g}" for rate in forecast.values_rps[:, place])
        table.add_row(duration(round(times[place] - forecast.start_s, 3)), utc(times[place]), *rates)
    highest = (f"{rate:.4g}" for rate in forecast.window_max_rps)
    table.add_section()
    table.add_row("highest", f"within {duration(forecast.window_s)}", *highest)
    console = Console()
    console.print(table)
    console.print(f"requests/s. {_skill_words(forecast.skill)}")


def forecast_values(forecast: Forecast) -> dict[str, Any]:
    """A forecast for JSON: values and maxima by quantile."""
    names = [f"{level:g}" for level in forecast.quantiles]
    return {
        "model": forecast.model,
        "issued_at_s": forecast.issued_at_s,
        "start_s": forecast.start_s,
        "step_s": forecast.step_s,
        "rate_rps": dict(zip(names, forecast.values_rps.tolist(), strict=True)),
        "window_s": forecast.window_s,
        "window_max_rps": dict(zip(names, forecast.window_max_rps.tolist(), strict=True)),
        "skill": _skill_values(forecast.skill),
        "history_s": forecast.history_s,
        "seasons_s": list(forecast.seasons_s),
    }


def print_explanation(answer: pb.ExplainResponse) -> None:
    """In words, then in numbers."""
    console = Console()
    console.print(answer.summary)
    parts = Table("component", "requests/s")
    for one in answer.components:
        parts.add_row(one.name, f"{one.rate_rps:+.4g}")
    console.print(parts)
    members = Table("member", "weight", "recent loss", "takes no part because")
    for member in answer.members:
        loss = "-" if math.isnan(member.loss) else f"{member.loss:.4g}"
        members.add_row(member.name, f"{member.weight:.0%}", loss, member.failure or "-")
    console.print(members)
    console.print(f"Fitted at {utc(answer.fitted_at_s)} in {answer.fit_seconds:.2f} s.")


def explanation_values(answer: pb.ExplainResponse) -> dict[str, Any]:
    """An explanation for JSON."""
    names = ("model", "from_s", "until_s", "median_rps", "fitted_at_s", "fit_seconds", "summary")
    return {name: getattr(answer, name) for name in names} | {
        "components": {one.name: one.rate_rps for one in answer.components},
        "members": [
            {"name": m.name, "weight": m.weight, "loss": m.loss, "failure": m.failure or None} for m in answer.members
        ],
        "seasons_s": list(answer.seasons_s),
        "skill": _skill_values(wire_forecast.skill_from_proto(answer.skill)),
    }


def print_summary(summary: Summary) -> None:
    """A backtest's measures; the quantile losses beside seasonal-naive's."""
    console = Console()
    table = Table("quantile", "weighted loss", "covered", "maximum covered")
    for level, loss in summary.weighted_quantile_loss.items():
        window = summary.window_coverage.get(level)
        table.add_row(
            f"{level:g}", f"{loss:.4f}", f"{summary.coverage[level]:.1%}", "-" if window is None else f"{window:.1%}"
        )
    console.print(table)
    console.print(
        f"MASE {summary.mase:.3f}; weighted loss at 0.5 of seasonal-naive "
        f"{summary.naive_weighted_quantile_loss:.4f}. {_skill_words(summary.skill)} "
        f"A fit took {summary.fit_seconds:.3f} s, a forecast {1000 * summary.update_seconds:.1f} ms."
    )


def summary_values(summary: Summary, horizon_s: float, step_s: float) -> dict[str, Any]:
    """A backtest's measures for JSON."""
    return {
        "origins": summary.origins,
        "horizon_s": horizon_s,
        "step_s": step_s,
        "mase": summary.mase,
        "weighted_quantile_loss": {f"{q:g}": loss for q, loss in summary.weighted_quantile_loss.items()},
        "seasonal_naive_weighted_quantile_loss": {"0.5": summary.naive_weighted_quantile_loss},
        "coverage": {f"{q:g}": share for q, share in summary.coverage.items()},
        "window_coverage": {f"{q:g}": share for q, share in summary.window_coverage.items()},
        "skill": _skill_values(summary.skill),
        "fit_seconds": summary.fit_seconds,
        "update_seconds": summary.update_seconds,
    }


def write_predictions(path: Path, series: DemandSeries, results: Sequence[OriginResult], form: TimeForm) -> None:
    """One row per origin, time and quantile, and `max` rows for the maximum over the horizon."""
    with output.csv_file("--predictions", path) as rows:
        rows.writerow(("origin", "timestamp", "quantile", "value"))
        for result in results:
            forecast = result.forecast
            origin = form.write(series.start_s + result.origin * series.step_s)
            times = [form.write(time_s) for time_s in forecast.times_s()]
            for level, rates in zip(forecast.quantiles, forecast.values_rps, strict=True):
                named = zip(times, rates, strict=True)
                rows.writerows((origin, time, f"{level:g}", f"{rate:.6g}") for time, rate in named)
            for level, highest in zip(forecast.quantiles, forecast.window_max_rps, strict=True):
                rows.writerow((origin, "max", f"{level:g}", f"{highest:.6g}"))


def _skill_words(skill: Skill) -> str:
    if not skill.origins:
        return "Too new to have been judged."
    return (
        f"Over {skill.origins} origins: skill {skill.vs_seasonal_naive:+.2f} against seasonal-naive, "
        f"{skill.vs_last_value:+.2f} against the last value; {skill.coverage_95:.1%} under the 95% quantile."
    )


def _skill_values(skill: Skill) -> dict[str, Any]:
    return {
        "origins": skill.origins,
        "vs_seasonal_naive": skill.vs_seasonal_naive,
        "vs_last_value": skill.vs_last_value,
        "coverage_95": skill.coverage_95,
    }
