"""`tidegate forecast import | export`: history brought in from files and from Prometheus, and out into files."""

import csv
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from protos import forecast_pb2 as pb
from tidegate.cli import output
from tidegate.cli.forecast_calls import DEFAULT_FORECASTER, TIMEOUT_S, Forecaster, Model, ask, history, service
from tidegate.cli.output import Json
from tidegate.shared.errors import InvalidRequest, SeriesNotFound
from tidegate.shared.times import TimeForm
from tidegate.shared.values import DemandSeries

CHUNK_VALUES = 10_000
"""Values in one message: small enough to show progress, large enough to be quick."""

IMPORT_EXAMPLES = output.examples(
    "tidegate forecast import requests.csv --model digits-onnx --unit count",
    "tidegate forecast import --prometheus http://127.0.0.1:9090 --query "
    "'sum by (model) (rate(nv_inference_request_success[1m]))' --model-label model --from 2026-02-01T00:00:00Z",
)
EXPORT_EXAMPLES = output.examples(
    "tidegate forecast export digits-onnx > digits.csv",
    "tidegate forecast export digits-onnx --step-s 300 --from 2026-02-01T00:00:00Z --form epoch",
)


def import_(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE.csv]", help="Header timestamp,value; a regular step.")
    ] = None,
    model: Annotated[str, typer.Option(help="The model whose demand it is.")] = "",
    unit: Annotated[str, typer.Option(help="Of a file. rate: requests/s. count: requests in each step.")] = "rate",
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask a Prometheus server instead of reading a file.")
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(metavar="PROMQL", help="Expression in requests/s, such as a sum of rates over the step."),
    ] = None,
    model_label: Annotated[
        str, typer.Option(metavar="LABEL", help="The label that holds the models' names, instead of --model.")
    ] = "",
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Of Prometheus; two weeks before the end unless given.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Of Prometheus; now unless given.")] = None,
    step_s: Annotated[float, typer.Option(help="Step asked of Prometheus.")] = 60.0,
    forecaster: Forecaster = DEFAULT_FORECASTER,
    as_json: Json = False,
) -> None:
    """Bring history into a running forecaster. It counts wherever no router was counting."""
    if (file is None) == (prometheus is None):
        raise InvalidRequest("give either a FILE.csv, or --prometheus URL with a --query")
    with output.progress_bar("import") as progress:
        if file is not None:
            pieces: Iterable[DemandSeries] = _of_file(file, model, unit, progress)
        else:
            pieces = _of_prometheus(prometheus or "", query, model, model_label, (start, end), step_s, progress)
        values = ask(_import(forecaster, pieces), forecaster)
    if not values:
        raise SeriesNotFound("there is nothing in it: no value was imported")
    if as_json:
        output.print_json({"models": values, "values": sum(values.values())})
        return
    for name, count in sorted(values.items()):
        output.progress_console().print(f"{count} values are now history of {name}")


def export(
    model: Model,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From here on; the beginning unless given.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Until here; the end unless given.")] = None,
    step_s: Annotated[float, typer.Option(help="Step; 0 is the one that is modelled.")] = 0.0,
    form: Annotated[str, typer.Option(help="How times are written: iso or epoch.")] = "iso",
    forecaster: Forecaster = DEFAULT_FORECASTER,
) -> None:
    """A model's demand as CSV on stdout: timestamp,value in requests/s, gaps empty; `import` reads it."""
    if form not in ("iso", "epoch"):
        raise InvalidRequest(f"--form is {form!r}: it is iso or epoch")
    start_s = output.time_s("--from", start) if start else None
    end_s = output.time_s("--to", end) if end else None
    ask(_export(forecaster, model, start_s, end_s, step_s, TimeForm(form == "iso")), forecaster)


def _of_file(file: Path, model: str, unit: str, progress: output.Progress) -> Iterator[DemandSeries]:
    from forecaster import csv_files

    if unit not in ("rate", "count"):
        raise InvalidRequest(f"--unit is {unit!r}: it is rate or count")
    if not model:
        raise InvalidRequest("--model is missing: say whose demand the file holds")
    series, _ = csv_files.read(file, model)
    start_s = round(series.start_s / series.step_s) * series.step_s  # the forecaster's grid: multiples of the step
    if moved_s := start_s - series.start_s:
        output.progress_console().print(f"its rows are no multiples of {series.step_s:g} s: moved by {moved_s:+g} s")
    rates = series.rate_rps / (series.step_s if unit == "count" else 1.0)
    for first in range(0, len(rates), CHUNK_VALUES):
        part = rates[first : first + CHUNK_VALUES]
        yield DemandSeries(model, start_s + first * series.step_s, series.step_s, part)
        progress(first + len(part), len(rates))


def _of_prometheus(
    url: str,
    query: str | None,
    model: str,
    label: str,
    limits: tuple[str | None, str | None],
    step_s: float,
    progress: output.Progress,
) -> Iterator[DemandSeries]:
    from forecaster import prometheus

    if not query:
        raise InvalidRequest("--query is missing: an expression in requests/s")
    end_s = time.time() if limits[1] is None else output.time_s("--to", limits[1])
    start_s = end_s - 14 * 86_400.0 if limits[0] is None else output.time_s("--from", limits[0])
    asked = prometheus.RangeQuery(query, start_s, end_s, step_s, model, label)
    return prometheus.read(url, asked, progress)


async def _import(address: str, pieces: Iterable[DemandSeries]) -> dict[str, int]:
    """Send pieces, those without a value left out; how many values each model got."""
    from forecaster.series import IMPORTED

    values: dict[str, int] = {}
    broken: list[Exception] = []

    async def requests() -> AsyncIterator[pb.ObserveRequest]:
        for piece in _until_broken(pieces, broken):
            known = int(np.isfinite(piece.rate_rps).sum())
            if not known:
                continue
            yield pb.ObserveRequest(
                model=piece.model,
                source=IMPORTED,
                start_s=piece.start_s,
                step_s=piece.step_s,
                rate_rps=piece.rate_rps,
            )
            values[piece.model] = values.get(piece.model, 0) + known

    async with service(address) as stub:
        await stub.Observe(requests())
    if broken:
        raise broken[0]
    return values


def _until_broken(pieces: Iterable[DemandSeries], broken: list[Exception]) -> Iterator[DemandSeries]:
    """The pieces, ended by what they fail with: gRPC would take it for a cancelled call and not say what it was."""
    try:
        yield from pieces
    except Exception as error:  # of a file, of a server, or of ours: told when the call is over
        broken.append(error)


async def _export(
    address: str, model: str, start_s: float | None, end_s: float | None, step_s: float, form: TimeForm
) -> None:
    from forecaster.series import check_step

    rows: Any = csv.writer(sys.stdout, lineterminator="\n")
    async with service(address) as stub:
        listed = (await stub.ListSeries(pb.ListSeriesRequest(), timeout=TIMEOUT_S)).series
        info = next((one for one in listed if one.model == model), None)
        if info is None:
            known = ", ".join(one.model for one in listed) or "none"
            raise SeriesNotFound(f"no demand of model {model!r} was ever observed; known models: {known}")
        step_s = step_s or info.step_s
        check_step(step_s)
        at_s = max(info.first_s, start_s or 0.0)
        until_s = min(info.last_s, end_s or info.last_s)
        if until_s <= at_s:
            raise InvalidRequest(f"there is no demand of {model} from {form.write(at_s)} to {form.write(until_s)}")
        at_s = first_s = np.floor(at_s / step_s) * step_s
        while at_s < until_s:
            length_s = min(CHUNK_VALUES * step_s, until_s - at_s)
            part = await history(stub, model, length_s, step_s, at_s + length_s)
            if at_s == first_s:  # not before it is known that there is an answer
                rows.writerow(("timestamp", "value"))
            named = zip(part.times_s(), part.rate_rps, strict=True)
            rows.writerows((form.write(at), f"{rate:.6g}" if np.isfinite(rate) else "") for at, rate in named)
            at_s += CHUNK_VALUES * step_s
