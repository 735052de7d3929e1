"""`tidegate simulate`: what an autoscaling policy would have done to users and to the bill on a recorded trace."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import typer

from tidegate.cli import output, simulate_view
from tidegate.cli.simulate_plans import plans_file
from tidegate.shared.errors import InvalidRequest, InvalidSeries
from tidegate.shared.times import TimeForm

if TYPE_CHECKING:
    from tidegate.simulate.replay import Run
    from tidegate.simulate.study import Study

# Of `tidegate.simulate.catalogue`, which is imported when it is needed: numpy and scipy take a second. A test compares.
POLICIES = ["predictive", "hpa", "kpa", "keda-queue", "queue", "phpa", "hourly", "schedule", "constant", "clairvoyant"]
DEFAULT_RISK = 3.0


def simulate(
    arrivals: Annotated[Path, typer.Argument(metavar="ARRIVALS.csv", help="Trace: header timestamp,value.")],
    evaluate_from: Annotated[
        str, typer.Option(metavar="TIME", help="Rows before it are history; epoch seconds, or ISO 8601 with a zone.")
    ],
    policy: Annotated[
        str,
        typer.Option(
            metavar="NAME[,NAME…]",
            help=f"Who decides: {', '.join(POLICIES)}. NAME=NUMBER sets its one number: hpa=0.7.",
        ),
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
    plans: Annotated[
        Path | None,
        typer.Option(metavar="OUT.jsonl", help="Write our plans with their reasons, for `tidegate scale explain`."),
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Run each policy over its tuning range too, and compare the frontiers.")
    ] = False,
    chart: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw rate, forecast and replicas; the frontiers of a sweep.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Replay a trace against autoscaling policies: who waited, and what it cost.

    A replica costs from asked to dropped and is ready STARTUP after it was asked for; requests wait in one queue,
    first come first served; a miss is a wait over SLO-WAIT.
    """
    from forecaster.csv_files import read
    from tidegate.simulate.arrivals import PEAK_UTILIZATION
    from tidegate.simulate.arrivals import arrivals as spread
    from tidegate.simulate.catalogue import choices
    from tidegate.simulate.policies import Terms
    from tidegate.simulate.study import study

    if min_replicas > max_replicas:
        raise InvalidRequest(f"--min-replicas {min_replicas} is more than --max-replicas {max_replicas}")
    chosen = choices(policy)
    from_s = output.time_s("--evaluate-from", evaluate_from)
    trace, form = read(arrivals)
    peak_rps = None if peak_replicas is None else peak_replicas * capacity_rps * PEAK_UTILIZATION
    load = spread(trace, value_unit, np.random.default_rng(seed), peak_rps, from_s)
    if not load.start_s <= from_s < load.end_s:
        span = f"{form.write(load.start_s)} to {form.write(load.end_s)}"
        raise InvalidSeries(f"--evaluate-from {evaluate_from} is not in the file, which holds {span}")
    terms = Terms(capacity_rps, startup_s, slo_wait_s, tick_s, min_replicas, max_replicas)
    with (
        nullcontext() if plans is None else plans_file("--plans", plans) as explain,
        output.progress_bar("replay") as progress,
    ):
        done = study(load, from_s, terms, chosen, risk=risk, sweep=sweep, explain=explain, progress=progress)
    report = {"evaluate_from": form.write(from_s), **done.report()}
    if decisions is not None:
        _write(done.runs, form, decisions)
    if chart is not None:
        _draw(done, arrivals.stem, chart)
    if as_json:
        output.print_json(report)
    else:
        simulate_view.show(report)


def _write(runs: "list[Run]", form: TimeForm, path: Path) -> None:
    with output.csv_file("--decisions", path) as out:
        out.writerow(("timestamp", "policy", "desired_replicas"))
        out.writerows((form.write(at), run.policy, desired) for run in runs for at, desired in run.decisions)


def _draw(done: "Study", title: str, path: Path) -> None:
    try:
        from tidegate.simulate import chart
    except ModuleNotFoundError as error:
        raise InvalidRequest(f"--chart needs {error.name}: pip install 'tidegate[demo]'") from None
    try:
        if done.frontiers:
            chart.draw_frontiers({title: done.frontiers}, path)
        else:
            chart.draw_runs(done.sketches(), done.terms.capacity_rps, title, path)
    except OSError as error:
        raise InvalidRequest(f"--chart {path}: {error.strerror}") from None
