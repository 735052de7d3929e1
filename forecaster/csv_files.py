"""Time series in CSV files: header `timestamp,value`, a regular step, an empty value is missing."""

import csv
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from forecaster.series import MAX_RATE_RPS, check_step
from tidegate.shared.errors import InvalidRequest, InvalidSeries
from tidegate.shared.times import TimeForm, parse_time
from tidegate.shared.values import DemandSeries

HEADER = ["timestamp", "value"]
MAX_GAP_STEPS = 1_000_000
"""A jump over more missing rows than this is a wrong timestamp, not a gap."""

MAX_MISSING_STEPS = 4_000_000
"""Rows missing in all gaps together: each takes memory as if it were there, and so many mean a wrong step."""


def read(path: Path, model: str = "") -> tuple[DemandSeries, TimeForm]:
    """The series in a file, and how it writes times. Raises InvalidSeries naming the line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin with a mark
            return _parse(csv.reader(file), model or path.stem, str(path))
    except OSError as error:
        raise InvalidSeries(f"{path}: {error.strerror}") from None
    except csv.Error as error:
        raise InvalidSeries(f"{path} can't be read as CSV: {error}") from None
    except UnicodeDecodeError:
        raise InvalidSeries(f"{path} is not text: a CSV file with the header timestamp,value is needed") from None


def _parse(lines: Iterable[list[str]], model: str, name: str) -> tuple[DemandSeries, TimeForm]:
    rows = iter(lines)
    header = next(rows, [])
    if [cell.strip().lower() for cell in header] != HEADER:
        raise InvalidSeries(f"{name} line 1: the header is {','.join(header)!r}, it must be 'timestamp,value'")
    times: list[float] = []
    values: list[float] = []
    form = TimeForm(iso=False)
    for line, row in enumerate(rows, start=2):
        if not row:
            continue
        try:
            time_s, row_form = parse_time(row[0].strip())
            values.append(_value(row))
        except ValueError as error:
            raise InvalidSeries(f"{name} line {line}: {error}") from None
        form = form if times else row_form
        if times and time_s <= times[-1]:
            raise InvalidSeries(f"{name} line {line}: {row[0]} does not come after the line before it")
        times.append(time_s)
    if len(times) < 2:
        raise InvalidSeries(f"{name}: {len(times)} rows; two at least are needed to know the step")
    return _on_grid(np.array(times), np.array(values), model, name), form


def _value(row: list[str]) -> float:
    if len(row) != 2:
        raise ValueError(f"{len(row)} columns, 2 are needed")
    text = row[1].strip()
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"value {text!r} is not a number") from None
    if value < 0 or value > MAX_RATE_RPS:
        raise ValueError(f"value {text} must lie within 0 and {MAX_RATE_RPS:g}")
    return value


def _on_grid(times: np.ndarray, values: np.ndarray, model: str, name: str) -> DemandSeries:
    """Rows on their grid; rows that are left out become gaps, any other jump is an error."""
    # The commonest distance, of several the first: a file may begin with a gap.
    step_s = Counter(np.round(np.diff(times), 6).tolist()).most_common(1)[0][0]
    try:
        check_step(step_s)
    except InvalidRequest as error:
        raise InvalidSeries(f"{name}: {error}") from None
    places = (times - times[0]) / step_s
    slots = np.round(places).astype(np.int64)
    jumps = np.diff(slots, prepend=-1)
    wrong = np.flatnonzero((np.abs(places - slots) > 1e-3) | (jumps < 1) | (jumps > MAX_GAP_STEPS))
    if len(wrong):
        line, jump = int(wrong[0]) + 2, times[wrong[0]] - times[wrong[0] - 1]
        raise InvalidSeries(f"{name} line {line}: {jump:g} s after the line before; the file's step is {step_s:g} s")
    missing = int(slots[-1]) + 1 - len(slots)
    if missing > MAX_MISSING_STEPS:
        raise InvalidSeries(
            f"{name}: {missing} of its {slots[-1] + 1} rows are missing, over {MAX_MISSING_STEPS}; its step, the "
            f"commonest distance of two rows, is {step_s:g} s: give it a coarser one, or cut it into several files"
        )
    rates = np.full(int(slots[-1]) + 1, np.nan)
    rates[slots] = values
    return DemandSeries(model, float(times[0]), step_s, rates)
