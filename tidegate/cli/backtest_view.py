"""How a backtest is shown: in tables for people, as plain values for JSON, as rows for files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from forecaster.backtest import OriginResult, Summary
from tidegate.cli import output
from tidegate.cli.backtest_peers import Score
from tidegate.cli.forecast_view import forecast_rows, skill_values, skill_words
from tidegate.shared.times import TimeForm
from tidegate.shared.values import DemandSeries

HEADER = ("origin", "timestamp", "quantile", "value")


def print_summary(summary: Summary, scores: Sequence[Score]) -> None:
    """A backtest's measures; the losses beside those of seasonal-naive and the peers."""
    console = Console()
    table = Table("quantile", "loss", "covered", "maximum covered", *(f"loss of {one.name}" for one in scores))
    for level, loss in summary.weighted_quantile_loss.items():
        window = summary.window_coverage.get(level)
        table.add_row(
            f"{level:g}",
            f"{loss:.4f}",
            f"{summary.coverage[level]:.1%}",
            "-" if window is None else f"{window:.1%}",
            *(f"{one.weighted_quantile_loss[level]:.4f}" for one in scores),
        )
    console.print(table)
    naive = summary.naive_weighted_quantile_loss
    ours = summary.weighted_quantile_loss[0.5]
    console.print(f"seasonal-naive's loss at 0.5 is {naive:.4f}: ours is {ours / max(naive, 1e-12):.0%} of it.")
    for one in scores:
        share = summary.weighted_quantile_loss[0.95] / max(one.weighted_quantile_loss[0.95], 1e-12)
        console.print(
            f"{one.name}'s loss at 0.95 is {one.weighted_quantile_loss[0.95]:.4f}: ours is {share:.0%} of it; under "
            f"its 95% quantile stayed {one.coverage[0.95]:.1%}; a fit took it {one.seconds:.2f} s."
        )
    console.print(f"MASE {summary.mase:.3f}. {skill_words(summary.skill)}")
    console.print(f"A fit took {summary.fit_seconds:.3f} s, a forecast {1000 * summary.update_seconds:.1f} ms.")


def summary_values(summary: Summary, horizon_s: float, step_s: float, scores: Sequence[Score]) -> dict[str, Any]:
    """A backtest's measures for JSON."""
    return {
        "origins": summary.origins,
        "horizon_s": horizon_s,
        "step_s": step_s,
        "mase": summary.mase,
        "weighted_quantile_loss": _by_quantile(summary.weighted_quantile_loss),
        "seasonal_naive_weighted_quantile_loss": {"0.5": summary.naive_weighted_quantile_loss},
        "coverage": _by_quantile(summary.coverage),
        "window_coverage": _by_quantile(summary.window_coverage),
        "skill": skill_values(summary.skill),
        "fit_seconds": summary.fit_seconds,
        "update_seconds": summary.update_seconds,
        "peers": {
            one.name: {
                "weighted_quantile_loss": _by_quantile(one.weighted_quantile_loss),
                "coverage": _by_quantile(one.coverage),
                "fit_seconds": one.seconds,
            }
            for one in scores
        },
    }


def write_predictions(path: Path, series: DemandSeries, results: Sequence[OriginResult], form: TimeForm) -> None:
    """One row per origin, time and quantile, and `max` rows for the maximum over the horizon."""
    with output.csv_file("--predictions", path) as rows:
        rows.writerow(HEADER)
        for result in results:
            origin = form.write(series.start_s + result.origin * series.step_s)
            rows.writerows((origin, *row) for row in forecast_rows(result.forecast, form))


def _by_quantile(figures: dict[float, float]) -> dict[str, float]:
    return {f"{level:g}": figure for level, figure in figures.items()}
