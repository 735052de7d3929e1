"""Thousands of series: what a fit, an update and a read cost each, and what each takes of memory and disk.

Costs are CPU time, so that a busy machine does not change them. Fits run in processes, as in the service; what they
cost for FLEET series is computed from a sample. Updates go the service's whole way: values into the journal, read
again, summed over sources, filtered forward (steps of ten seconds three at a time); every 30 s the journal is folded.
"""

import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry
from rich.table import Table

from benchmarks.forecast.histories import STEPS, name, write
from forecaster import fits, state
from forecaster.database import Database
from forecaster.fits import Fit, Fitted
from forecaster.history import History
from forecaster.metrics import Metrics
from forecaster.observations import Observation
from forecaster.settings import ForecasterSettings
from forecaster.shelf import Shelf

FLEET = 10_000
CORES = 2
SERIES = 1000
FITTED = 24
"""Series that are really fitted; the others of the fleet get copies of these fits."""

STEP_S = 10.0
WARM_TICKS = 6
"""Until values are old enough to be taken in for good, nothing is: those ticks would cost next to nothing."""

TICKS = 12
READS = 300


def measure(folder: Path) -> dict[str, object]:
    end_s = time.time() // 300.0 * 300.0
    database = Database(folder / "history.sqlite")
    write(database, SERIES, end_s, STEP_S)
    size = sum(file.stat().st_size for file in folder.glob("history.sqlite*"))
    fitted = _fits(database, end_s)
    result: dict[str, object] = {
        "series": SERIES,
        "fleet": FLEET,
        "points_a_series": STEPS,
        "disk_bytes_a_series": size / SERIES,
        "fit_cpu_s": float(np.mean([one.seconds for one in fitted])),
        "state_bytes": float(np.mean([len(one.state) for one in fitted])),
        **_updates(database, fitted, end_s),
        **_reads(database, folder, end_s),
    }
    database.close()
    result["refit_of_fleet_s"] = FLEET * float(np.mean([one.seconds for one in fitted])) / CORES
    result["update_share_of_core"] = FLEET * float(str(result["update_cpu_s"])) / STEP_S
    return result


def table(result: dict[str, object]) -> Table:
    figures = {key: float(str(value)) for key, value in result.items()}
    shown = Table("of one series", "", f"of {FLEET} series", "", title=f"{STEPS} points a series")
    refit_min = figures["refit_of_fleet_s"] / 60.0
    shown.add_row("fit", f"{1e3 * figures['fit_cpu_s']:.0f} ms", f"refitted on {CORES} cores", f"{refit_min:.1f} min")
    share = figures["update_share_of_core"]
    shown.add_row("update", f"{1e6 * figures['update_cpu_s']:.0f} µs", f"every {STEP_S:g} s", f"{share:.0%} of a core")
    shown.add_row(
        "memory", f"{figures['memory_bytes'] / 1e6:.2f} MB", "", f"{figures['memory_bytes'] * FLEET / 1e9:.1f} GB"
    )
    disk = figures["disk_bytes_a_series"]
    shown.add_row("history on disk", f"{disk / 1e6:.2f} MB", "", f"{disk * FLEET / 1e9:.1f} GB")
    alone, among = 1e3 * figures["read_alone_s"], 1e3 * figures["read_among_s"]
    shown.add_row("read of all points", f"{alone:.2f} ms alone", f"among {SERIES} series", f"{among:.2f} ms")
    return shown


def _fits(database: Database, end_s: float) -> list[Fitted]:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    asked = [Fit(database.path, name(number), end_s, STEP_S, 3600.0) for number in range(FITTED)]
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as workers:
        list(workers.map(_fit, asked[:CORES]))  # the first pays for the imports
        return list(workers.map(_fit, asked))


def _fit(asked: Fit) -> Fitted:
    began = time.process_time()
    fitted = fits.run(asked)
    return replace(fitted, seconds=time.process_time() - began)


def _updates(database: Database, fitted: list[Fitted], end_s: float) -> dict[str, object]:
    """CPU seconds of one update of one series, and bytes of memory of each."""
    history = History(database)
    shelf = Shelf(database, ForecasterSettings(step_s=STEP_S), Metrics(CollectorRegistry()), end_s)
    before = _resident_bytes()
    for number in range(SERIES):
        model = state.load(fitted[number % FITTED].state)
        shelf.get(name(number)).serve(replace(model, model=name(number)), end_s)
    shelf.update(list(shelf.series), end_s)
    memory = (_resident_bytes() - before) / SERIES
    spent = 0.0
    for tick in range(1, WARM_TICKS + TICKS + 1):
        now_s = end_s + tick * STEP_S
        told = [Observation(name(n), "router", now_s - STEP_S, STEP_S, np.array([20.0])) for n in range(SERIES)]
        began = time.process_time()
        history.append(told)
        for one in told:
            shelf.get(one.model).told(one.start_s)
        shelf.update(list(shelf.series), now_s)
        if tick % 3 == 0:
            history.fold()
        spent += time.process_time() - began if tick > WARM_TICKS else 0.0
    return {"update_cpu_s": spent / (TICKS * SERIES), "memory_bytes": memory}


def _reads(database: Database, folder: Path, end_s: float) -> dict[str, object]:
    """CPU seconds of reading one series of a file of its own, and of one among all."""
    lonely = Database(folder / "alone.sqlite")
    write(lonely, 1, end_s, STEP_S)
    times = {}
    for label, where, series in (("read_alone_s", lonely, 1), ("read_among_s", database, SERIES)):
        history = History(where)
        began = time.process_time()
        for number in range(READS):
            history.read(history.span(name(number % series)), 0.0, STEP_S, end_s)
        times[label] = (time.process_time() - began) / READS
    lonely.close()
    return times


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
