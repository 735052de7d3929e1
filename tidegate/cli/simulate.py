"""`tidegate simulate`: what an autoscaling policy would have done to users and to the bill on a recorded trace."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer

from tidegate.cli import output
from tidegate.shared.errors import InvalidRequest, InvalidSeries
from tidegate.shared.times import TimeForm

if TYPE_CHECKING:
    from tidegate.simulate.arrivals import Arrivals
    from tidegate.simulate.policies import Policy, Terms
    from tidegate.simulate.replay import Run

POLICIES = ("predictive", "hpa")
DEFAULT_RISK = 2.0


def simulate(
    arrivals: Annotated[Path, typer.Argument(metavar="ARRIVALS.csv", help="Trace: header timestamp,value.")],
    evaluate_from: Annotated[
        str, typer.Option(metavar="TIME", help="Rows before it are history; epoch seconds, or ISO 8601 with a zone.")
    ],
    policy: Annotated[
        str, typer.Option(metavar="NAME[,NAME…]", help=f"Who decides: {', '.join(POLICIES)}.")
    ] = "predictive,hpa",
    capacity_rps: Annotated[float, typer.Option(min=1e-6, help="Requests per second of one replica.")] = 10.0,
    startup_s: Annotated[float, typer.Option(min=0.0, help="Seconds from asked to ready.")] = 120.0,
    slo_wait_s: Annotated[float, typer.Option(min=1e-6, help="A longer wait is a miss.")] = 0.5,
    tick_s: Annotated[int, typer.Option(min=1, help="Seconds from one decision to the next.")] = 15,
    min_replicas: Annotated[int, typer.Option(min=0, help="Never fewer.")] = 1,
    max_replicas: Annotated[int, typer.Option(min=1, help="Never more.")] = 200,
    risk: Annotated[
        float, typer.Option(min=1e-6, metavar="PRICE", help="Price of a miss in replica-seconds.")
    ] = DEFAULT_RISK,
    value_unit: Annotated[
        Literal["count", "rate"], typer.Option(help="What a value is: requests in its step, or requests per second.")
    ] = "count",
    peak_replicas: Annotated[
        float | None, typer.Option(min=1e-6, metavar="R", help="Rescale: the 99.5% rate is R replicas' worth at 80%.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the arrivals within longer steps.")] = 0,
    decisions: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write timestamp,policy,desired_replicas.")
    ] = None,
    chart: Annotated[Path | None, typer.Option(metavar="OUT.png", help="Draw load and replicas.")] = None,
    as_json: output.Json = False,
) -> None:
    """Replay a trace against autoscaling policies: who waited, and what it cost.

    A replica costs from asked to dropped and is ready STARTUP after it was asked for; requests wait in one queue,
    first come first served; a miss is a wait over SLO-WAIT.
    """
    from forecaster.csv_files import read
    from tidegate.simulate.arrivals import PEAK_UTILIZATION
    from tidegate.simulate.arrivals import arrivals as spread
    from tidegate.simulate.policies import Terms
    from tidegate.simulate.replay import replay
    from tidegate.simulate.report import clairvoyant_replica_seconds, figures

    names = _names(policy)
    if min_replicas > max_replicas:
        raise InvalidRequest(f"--min-replicas {min_replicas} is more than --max-replicas {max_replicas}")
    from_s = output.time_s("--evaluate-from", evaluate_from)
    trace, form = read(arrivals)
    peak_rps = None if peak_replicas is None else peak_replicas * capacity_rps * PEAK_UTILIZATION
    load = spread(trace, value_unit, np.random.default_rng(seed), peak_rps)
    if not load.start_s <= from_s < load.end_s:
        raise InvalidSeries(f"--evaluate-from {evaluate_from} is not in the file, which holds {_span(load, form)}")
    terms = Terms(capacity_rps, startup_s, slo_wait_s, tick_s, min_replicas, max_replicas)
    ahead, history = load.between(from_s, load.end_s), _history(load, from_s)
    before = history.counts[-tick_s:]
    runs = [replay(_policy(name, terms, history, risk), terms, ahead, before, from_s) for name in names]
    clairvoyant_s = clairvoyant_replica_seconds(ahead, terms)
    report = {
        "evaluate_from": form.write(from_s),
        "seconds": len(ahead),
        "clairvoyant_replica_seconds": clairvoyant_s,
        "policies": {run.policy: figures(run, terms, clairvoyant_s) for run in runs},
    }
    if decisions is not None:
        _write(runs, form, decisions)
    if chart is not None:
        _draw(runs, terms, arrivals.stem, chart)
    if as_json:
        output.print_json(report)
    else:
        _print(report)


def _names(policy: str) -> list[str]:
    names = [name.strip() for name in policy.split(",") if name.strip()]
    unknown = [name for name in names if name not in POLICIES]
    if unknown or not names:
        raise InvalidRequest(f"--policy {policy!r}: known are {', '.join(POLICIES)}")
    if len(set(names)) < len(names):
        raise InvalidRequest(f"--policy {policy!r} names one twice")
    return names


def _policy(name: str, terms: "Terms", history: "Arrivals", risk: float) -> "Policy":
    from tidegate.simulate.policies import HpaPolicy
    from tidegate.simulate.predictive import PredictivePolicy

    return HpaPolicy(terms) if name == "hpa" else PredictivePolicy(terms, history, risk)


def _history(load: "Arrivals", from_s: float) -> "Arrivals":
    from tidegate.simulate.arrivals import Arrivals

    return Arrivals(load.start_s, load.between(load.start_s, from_s))


def _span(load: "Arrivals", form: TimeForm) -> str:
    return f"{form.write(load.start_s)} to {form.write(load.end_s)}"


def _write(runs: "list[Run]", form: TimeForm, path: Path) -> None:
    with output.csv_file("--decisions", path) as out:
        out.writerow(("timestamp", "policy", "desired_replicas"))
        out.writerows((form.write(at), run.policy, desired) for run in runs for at, desired in run.decisions)


def _draw(runs: "list[Run]", terms: "Terms", title: str, path: Path) -> None:
    try:
        from tidegate.simulate.chart import draw
    except ModuleNotFoundError as error:
        raise InvalidRequest(f"--chart needs {error.name}: pip install 'tidegate[demo]'") from None
    try:
        draw(runs, terms, title, path)
    except OSError as error:
        raise InvalidRequest(f"--chart {path}: {error.strerror}") from None


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (
        "policy",
        "requests",
        "late",
        "p50 wait",
        "p99 wait",
        "replica-hours",
        "over clairvoyant",
        "changes",
    ):
        table.add_column(column, justify="left" if column == "policy" else "right")
    for name, one in report["policies"].items():
        table.add_row(
            name,
            f"{one['requests']:.0f}",
            f"{one['miss_share']:.3%}",
            _seconds(one["p50_wait_s"]),
            _seconds(one["p99_wait_s"]),
            f"{one['replica_hours']:.2f}",
            "-" if one["cost_over_clairvoyant"] is None else f"{one['cost_over_clairvoyant']:.2f} ×",
            str(one["changes"]),
        )
    Console().print(table)


def _seconds(value: float | None) -> str:
    return "for ever" if value is None else f"{value:.3g} s"
