"""How forecasts are shown: in words and tables for people, as plain values for JSON, as rows for CSV."""

import csv
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TextIO

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from forecaster.words import duration
from protos import forecast_pb2 as pb
from tidegate.cli import forecast_chart as chart
from tidegate.shared import wire_forecast
from tidegate.shared.times import TimeForm, utc
from tidegate.shared.values import DemandSeries, Forecast, Skill

ROWS = 6
"""Rows of the table of next values, evenly spaced over the horizon."""

WIDEST = 120


def print_series(found: pb.ListSeriesResponse) -> None:
    """A table of all series, and below it what there is to say of some."""
    table = Table(Column("model", overflow="fold", min_width=12))
    for name in ("step", "history", "seen", "rate", "gaps", "seasons", "skill"):
        table.add_column(name, no_wrap=name != "seasons")
    now_s = time.time()
    for one in found.series:
        table.add_row(
            one.model,
            duration(one.step_s),
            _rough(one.last_s - one.first_s),
            _rough(max(now_s - one.last_s, 0.0)),
            f"{one.last_rate_rps:.4g}/s",
            f"{one.missing_fraction:.0%}",
            ", ".join(duration(s) for s in one.seasons_s) or "-",
            f"{one.skill.vs_seasonal_naive:+.2f}" if one.skill.origins else "-",
        )
    console = Console()
    console.print(table if found.series else "no demand was observed yet: follow a router, or import a file")
    for one in found.series:
        if note := one.failure or one.basis:
            console.print(Text(f"{one.model}: {note}"))


def series_values(one: pb.SeriesInfo) -> dict[str, Any]:
    """One series for JSON."""
    names = ("model", "step_s", "first_s", "last_s", "last_rate_rps", "missing_fraction", "fitted_at_s", "drift")
    return {name: getattr(one, name) for name in names} | {
        "seasons_s": list(one.seasons_s),
        "skill": skill_values(wire_forecast.skill_from_proto(one.skill)),
        "basis": one.basis,
        "failure": one.failure or None,
    }


def print_forecast(forecast: Forecast, past: DemandSeries) -> None:
    """The drawing, the next values, and the maximum over the window."""
    console = Console()
    console.print(_forecast(console, forecast, past))


async def watch_forecast(forecasts: AsyncIterator[tuple[Forecast, DemandSeries]]) -> None:
    """The same, drawn anew with every forecast; one below the other where there is no terminal."""
    console = Console()
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        async for forecast, past in forecasts:
            if console.is_terminal:
                live.update(_forecast(console, forecast, past), refresh=True)
            else:
                console.print(_forecast(console, forecast, past))


def _forecast(console: Console, forecast: Forecast, past: DemandSeries) -> RenderableType:
    colour = console.is_terminal and not console.no_color
    drawn = chart.draw(forecast, past, min(console.width, WIDEST), colour)
    table = Table("from now", "time", *(f"{level:.0%}" for level in forecast.quantiles))
    times = forecast.times_s()
    for place in np.unique(np.linspace(0, forecast.steps - 1, min(ROWS, forecast.steps)).round().astype(int)):
        rates = (f"{rate:.4g}" for rate in forecast.values_rps[:, place])
        table.add_row(duration(round(times[place] - forecast.start_s, 3)), utc(times[place]), *rates)
    highest = (f"{rate:.4g}" for rate in forecast.window_max_rps)
    table.add_section()
    table.add_row("highest", f"within {duration(forecast.window_s)}", *highest)
    words = f"requests/s, times in UTC. {skill_words(forecast.skill)}"
    if forecast.basis:
        words += f" Fallback: {forecast.basis}."
    return Group(Text.from_ansi(drawn, no_wrap=True), table, Text(words))


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
        "skill": skill_values(forecast.skill),
        "history_s": forecast.history_s,
        "seasons_s": list(forecast.seasons_s),
        "basis": forecast.basis,
    }


def forecast_rows(forecast: Forecast, form: TimeForm) -> Iterator[tuple[str, str, str]]:
    """(timestamp, quantile, value) of every step, then of the maximum over the window, its timestamp `max`."""
    times = [form.write(time_s) for time_s in forecast.times_s()]
    for level, rates in zip(forecast.quantiles, forecast.values_rps, strict=True):
        yield from ((at, f"{level:g}", f"{rate:.6g}") for at, rate in zip(times, rates, strict=True))
    for level, highest in zip(forecast.quantiles, forecast.window_max_rps, strict=True):
        yield "max", f"{level:g}", f"{highest:.6g}"


def write_forecast(to: TextIO, forecast: Forecast) -> None:
    """A forecast as CSV."""
    rows = csv.writer(to, lineterminator="\n")
    rows.writerow(("timestamp", "quantile", "value"))
    rows.writerows(forecast_rows(forecast, TimeForm(iso=True)))


def print_explanation(answer: pb.ExplainResponse) -> None:
    """In words, then in numbers."""
    console = Console()
    console.print(Text(answer.summary))
    console.print(Text(f"\nThe median of {utc(answer.from_s)} to {utc(answer.until_s)}, and what it is made of:"))
    parts = Table("component", "requests/s")
    for one in answer.components:
        parts.add_row(one.name, f"{one.rate_rps:+.4g}")
    parts.add_section()
    parts.add_row("median", f"{answer.median_rps:.4g}")
    console.print(parts)
    console.print(_quantiles(answer))
    members = Table("member", "weight", "recent loss", "takes no part because")
    for member in answer.members:
        loss = "-" if math.isnan(member.loss) else f"{member.loss:.4g}"
        members.add_row(member.name, f"{member.weight:.0%}", loss, member.failure or "-")
    console.print(members)
    if answer.health.skill_by_horizon:
        console.print(_horizons(answer.health))
    if answer.events:
        print_events(answer.events)
    drift = (
        f" Its latest errors are {answer.health.drift:.2g} times as large as usual." if answer.health.coverage else ""
    )
    took = f" in {answer.fit_seconds:.2f} s" if answer.fit_seconds else ""  # not known after a restart
    console.print(Text(f"Fitted at {utc(answer.fitted_at_s)}{took}.{drift}"))


def _quantiles(answer: pb.ExplainResponse) -> Table:
    """What the conformal step put on top of the median, and how well such quantiles have held."""
    table = Table("quantile", "rate/s", "over median", "widened", "realised", "of the maximum", "pinball loss")
    realised, window, pinball, widened = (
        {round(one.quantile, 6): one.value for one in figures}
        for figures in (
            answer.health.coverage,
            answer.health.window_coverage,
            answer.health.pinball_rps,
            answer.widened,
        )
    )
    for one in answer.conformal:
        level = round(one.quantile, 6)
        table.add_row(
            f"{one.quantile:.0%}",
            f"{answer.median_rps + one.value:.4g}",
            f"{one.value:+.4g}",
            f"{widened[level]:.3g}" if level in widened else "-",
            f"{realised[level]:.1%}" if level in realised else "-",
            f"{window[level]:.1%}" if level in window else "-",
            f"{pinball[level]:.3g}" if level in pinball else "-",
        )
    return table


def _horizons(health: pb.Health) -> Table:
    table = Table("ahead", "against seasonal-naive", "against the last value", "under 95%")
    for one in health.skill_by_horizon:
        skill = one.skill
        figures = (f"{skill.vs_seasonal_naive:+.2f}", f"{skill.vs_last_value:+.2f}", _share(skill.coverage_95))
        table.add_row(duration(one.ahead_s), *figures)
    return table


def explanation_values(answer: pb.ExplainResponse) -> dict[str, Any]:
    """An explanation for JSON."""
    names = ("model", "from_s", "until_s", "median_rps", "basis", "fitted_at_s", "fit_seconds", "summary")
    health = answer.health
    return {name: getattr(answer, name) for name in names} | {
        "components": {one.name: one.rate_rps for one in answer.components},
        "over_median_rps": _figures(answer.conformal),
        "widened_by_rps": _figures(answer.widened),
        "members": [
            {"name": m.name, "weight": m.weight, "loss": m.loss, "failure": m.failure or None} for m in answer.members
        ],
        "seasons_s": list(answer.seasons_s),
        "skill": skill_values(wire_forecast.skill_from_proto(answer.skill)),
        "coverage": _figures(health.coverage),
        "window_coverage": _figures(health.window_coverage),
        "pinball_rps": _figures(health.pinball_rps),
        "skill_by_horizon": [
            {"ahead_s": one.ahead_s} | skill_values(wire_forecast.skill_from_proto(one.skill))
            for one in health.skill_by_horizon
        ],
        "drift": health.drift,
        "events": [event_values(one) for one in answer.events],
    }


def print_events(found: Sequence[pb.Event]) -> None:
    """A table of events."""
    table = Table("event", "model", "from (UTC)", "to (UTC)", "factor", "added")
    for one in found:
        table.add_row(
            one.name,
            one.model or "every",
            *(utc(at_s)[:16].replace("T", " ") for at_s in (one.start_s, one.end_s)),
            f"{one.factor:g}",
            f"{one.added_rps:g}/s",
        )
    Console().print(table if found else "no event is planned")


def event_values(one: pb.Event) -> dict[str, Any]:
    """An event for JSON."""
    names = ("name", "start_s", "end_s", "factor", "added_rps")
    return {"model": one.model or None} | {name: getattr(one, name) for name in names}


def skill_words(skill: Skill) -> str:
    """A skill in a sentence."""
    if not skill.origins:
        return "Too new to have been judged."
    covered = "too few to judge its quantiles by"
    if not math.isnan(skill.coverage_95):
        covered = f"{_share(skill.coverage_95)} under the 95% quantile"
    return (
        f"Over {skill.origins} origins: skill {skill.vs_seasonal_naive:+.2f} against seasonal-naive, "
        f"{skill.vs_last_value:+.2f} against the last value; {covered}."
    )


def skill_values(skill: Skill) -> dict[str, Any]:
    """A skill for JSON."""
    return {
        "origins": skill.origins,
        "vs_seasonal_naive": skill.vs_seasonal_naive,
        "vs_last_value": skill.vs_last_value,
        "coverage_95": skill.coverage_95,
    }


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


def _figures(pairs: Sequence[pb.QuantileFigure]) -> dict[str, float]:
    return {f"{one.quantile:g}": one.value for one in pairs}


def _rough(seconds: float) -> str:
    """A length in its largest unit, whole: 7 d, 3 h, 12 min, 9 s."""
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
