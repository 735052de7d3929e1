"""Forecasts drawn: in the terminal (plotext), and into PNG files (matplotlib)."""

from pathlib import Path

import numpy as np
import plotext
from numpy.typing import NDArray

from tidegate.shared.errors import InvalidRequest
from tidegate.shared.times import utc
from tidegate.shared.values import DemandSeries, FloatArray, Forecast

HEIGHT = 20
MARGIN = 10
"""Columns that the axis takes at most."""

SHADES = ("▒", "░", "·")
"""Of the bands between the median and the highest quantile, the likeliest first: they tell apart without colour too."""

COLOURS = ("cyan", "blue", "gray")

SPIKE = 1.3
"""A step this many times its neighbourhood is called a spike, and labelled."""

MOST_LABELS = 4

TICKS_S = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800)
"""Distances of the times under the chart: the smallest that gives no more than MOST_TICKS."""

MOST_TICKS = 5


def spikes(rates: FloatArray, apart: int) -> list[int]:
    """Places of the highest steps that stand out of the `apart` steps on either side, in the order of time."""
    highest = float(rates.max(initial=0.0))
    found: list[int] = []
    for place in np.argsort(rates)[::-1]:
        near = rates[max(0, place - apart) : place + apart + 1]
        stands_out = rates[place] > SPIKE * np.median(near) and rates[place] >= 0.2 * highest
        if stands_out and rates[place] == near.max() and all(abs(place - other) > apart for other in found):
            found.append(int(place))
        if len(found) == MOST_LABELS:
            break
    return sorted(found)


def bands(quantiles: tuple[float, ...]) -> list[tuple[int, int]]:
    """Pairs of quantiles (by place) that bound a band above the median, three at most."""
    middle = min(range(len(quantiles)), key=lambda place: abs(quantiles[place] - 0.5))
    above = list(range(middle + 1, len(quantiles)))
    if not above:
        return []
    ends = sorted({above[0], above[(len(above) - 1) * 2 // 3], above[-1]})
    return list(zip([middle, *ends[:-1]], ends, strict=True))


def draw(forecast: Forecast, past: DemandSeries, width: int, colour: bool) -> str:
    """The past, the median and its fan, the present marked, spikes labelled; `width` columns wide."""
    highest = max(float(np.nanmax(past.rate_rps, initial=0.0)), float(forecast.values_rps.max(initial=0.0)), 1e-9)
    columns = width - MARGIN
    first_s = float(past.start_s) if len(past.rate_rps) else forecast.start_s
    last_s = forecast.start_s + forecast.steps * forecast.step_s
    column_s = (last_s - first_s) / max(columns, 1)
    plotext.clear_figure()
    plotext.plot_size(width, HEIGHT)
    plotext.theme("clear")
    plotext.ylim(0.0, 1.12 * highest)
    plotext.xlim(first_s, last_s)
    _draw_bands(forecast, column_s, 1.12 * highest / (HEIGHT - 4))
    known = np.flatnonzero(np.isfinite(past.rate_rps))
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):  # a gap stays a gap
        plotext.plot(past.times_s()[run].tolist(), past.rate_rps[run].tolist(), marker="braille", color="white")
    median = _median(forecast)
    plotext.plot(forecast.times_s().tolist(), median.tolist(), marker="braille", color="green+")
    plotext.vline(forecast.start_s, "red")
    _draw_labels(forecast, median, first_s, column_s, 1.08 * highest)
    _draw_times(forecast.start_s, first_s, last_s)
    drawn = plotext.build()
    named = [
        f"{mark} to {forecast.quantiles[high]:.0%}"
        for mark, (_, high) in zip(SHADES, bands(forecast.quantiles), strict=False)
    ]
    title = f"{forecast.model}: requests/s, left of the line as observed, right of it as forecast"
    return "\n".join((title, drawn if colour else plotext.uncolorize(drawn), "   ".join(("⠉ median", *named))))


def save(path: Path, forecast: Forecast, past: DemandSeries) -> None:
    """The same as a PNG file. Raises InvalidRequest when it can't be written."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    def moments(times_s: FloatArray) -> NDArray[np.datetime64]:
        return (times_s * 1e3).astype("datetime64[ms]")

    figure, axes = pyplot.subplots(figsize=(10, 4.5), dpi=140, layout="constrained")
    ahead = moments(forecast.times_s())
    median = _median(forecast)
    axes.plot(moments(past.times_s()), past.rate_rps, color="0.35", linewidth=0.9, label="observed")
    for strength, (low, high) in zip((0.45, 0.28, 0.15), bands(forecast.quantiles), strict=False):
        name = f"to {forecast.quantiles[high]:.0%}"
        low_rps, high_rps = forecast.values_rps[low], forecast.values_rps[high]
        axes.fill_between(ahead, low_rps, high_rps, alpha=strength, color="tab:blue", linewidth=0, label=name)
    axes.plot(ahead, median, color="tab:blue", linewidth=1.2, label="median")
    axes.axvline(ahead[0], color="tab:red", linewidth=1)
    for place in spikes(median, max(2, forecast.steps // 20)):
        label = f"{_clock(forecast.times_s()[place], forecast.steps * forecast.step_s)}  {median[place]:.3g}/s"
        axes.annotate(label, (ahead[place], median[place]), (0, 4), textcoords="offset points", ha="center", fontsize=8)
    title = f"{forecast.model}, forecast at {utc(forecast.issued_at_s)} (times in UTC)"
    axes.set(title=title, ylabel="requests/s", ylim=(0, None))
    axes.set_ylim(top=1.08 * axes.get_ylim()[1])  # room for the labels
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=5, frameon=False, fontsize=8)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise InvalidRequest(f"--png {path}: {error.strerror}") from None
    finally:
        pyplot.close(figure)


def _draw_bands(forecast: Forecast, column_s: float, row_rps: float) -> None:
    """Each band as characters, a column at a time; the highest step of a column stands for it."""
    last_s = forecast.start_s + forecast.steps * forecast.step_s
    middles = np.arange(forecast.start_s + column_s / 2, last_s, column_s)
    first = ((middles - column_s / 2 - forecast.start_s) / forecast.step_s).astype(int)
    last = np.ceil((middles + column_s / 2 - forecast.start_s) / forecast.step_s).astype(int)
    tops = np.array([[row[a:b].max() for a, b in zip(first, last, strict=True)] for row in forecast.values_rps])
    for mark, colour, (low, high) in zip(SHADES, COLOURS, bands(forecast.quantiles), strict=False):
        points = [
            (at_s, level)
            for at_s, below, above in zip(middles, tops[low], tops[high], strict=True)
            for level in np.arange(below, above, row_rps)
        ]
        if points:
            times, levels = zip(*points, strict=True)
            plotext.scatter(list(times), list(levels), marker=mark, color=colour)


def _draw_labels(forecast: Forecast, median: FloatArray, first_s: float, column_s: float, at_rps: float) -> None:
    """Time and height over each spike, the highest first; one that would lie over another is left out."""
    last_s = forecast.start_s + forecast.steps * forecast.step_s
    taken: list[tuple[float, float]] = []
    places = spikes(median, max(2, int(6 * column_s / forecast.step_s)))
    for place in sorted(places, key=lambda one: -median[one]):
        at_s = forecast.start_s + place * forecast.step_s
        label = f"{_clock(at_s, last_s - first_s)} {median[place]:.3g}"
        half_s = 0.6 * len(label) * column_s
        middle_s = min(max(at_s, first_s + half_s), last_s - half_s)
        if all(abs(middle_s - other_s) > half_s + other_half_s for other_s, other_half_s in taken):
            taken.append((middle_s, half_s))
            plotext.text(label, middle_s, at_rps, color="green+", alignment="center")


def _draw_times(now_s: float, first_s: float, last_s: float) -> None:
    length_s = last_s - first_s
    every_s = next((nice for nice in TICKS_S if length_s / nice <= MOST_TICKS), length_s)
    places = [
        at_s
        for at_s in np.arange(np.ceil(first_s / every_s) * every_s, last_s, every_s).tolist()
        if abs(at_s - now_s) > 0.14 * length_s
    ]
    labels = [_clock(at_s, length_s) for at_s in places]
    plotext.xticks([*places, now_s], [*labels, f"now {_clock(now_s, length_s)}"])


def _clock(at_s: float, length_s: float) -> str:
    """A time of day in UTC, as exact as a chart of that length can show; with the day where there are several."""
    text = utc(at_s)
    if length_s > 2 * 86_400.0:
        return text[5:16].replace("T", " ")
    return text[11:16] if length_s > 900.0 else text[11:19]


def _median(forecast: Forecast) -> FloatArray:
    place = min(range(len(forecast.quantiles)), key=lambda one: abs(forecast.quantiles[one] - 0.5))
    result: FloatArray = forecast.values_rps[place]
    return result
