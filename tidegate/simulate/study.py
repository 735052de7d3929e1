"""One load under several policies: the runs, the frontiers, the report. PURE."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from tidegate.shared.values import Plan
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.catalogue import DEFAULT_RISK, Choice, Setting
from tidegate.simulate.frontier import Point
from tidegate.simulate.policies import Policy, Terms
from tidegate.simulate.predictive import Foreseen, PredictivePolicy
from tidegate.simulate.replay import Moment, Run, Watch, replay
from tidegate.simulate.report import clairvoyant_replica_seconds, figures, frontier_figures, points
from tidegate.simulate.sketch import Sketch, sketch
from tidegate.simulate.spikes import find

Explain = Callable[[Plan, list[Moment]], None]
Progress = Callable[[int, int], None]
TOLD_EVERY = 100
"""Ticks between two words of progress."""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What came of it. `figures` by label, `frontiers` by name (none without a sweep), `foreseen` for the chart."""

    terms: Terms
    runs: list[Run]
    figures: Mapping[str, dict[str, Any]]
    frontiers: Mapping[str, list[Point]]
    foreseen: Sequence[Foreseen]
    clairvoyant_replica_seconds: float

    def sketches(self) -> list[Sketch]:
        """The runs as they are drawn; the forecast goes with those that plan by it."""
        return [
            sketch(run, self.terms, self.foreseen if run.policy.startswith("predictive") else ()) for run in self.runs
        ]

    def report(self) -> dict[str, Any]:
        """The JSON form."""
        report = {
            "seconds": len(self.runs[0].arrived),
            "clairvoyant_replica_seconds": self.clairvoyant_replica_seconds,
            "policies": dict(self.figures),
        }
        if self.frontiers:
            report["frontiers"] = {name: frontier_figures(name, found) for name, found in self.frontiers.items()}
        return report


def study(
    load: Arrivals,
    from_s: float,
    terms: Terms,
    chosen: Sequence[Choice],
    *,
    risk: float = DEFAULT_RISK,
    sweep: bool = False,
    explain: Explain | None = None,
    progress: Progress | None = None,
) -> Study:
    """Replay `load` from `from_s` on under every policy chosen, and over their ranges for a `sweep`.

    What came before is history to learn from. `explain` is told every plan of ours, `plan.pool` being its policy's
    label, with what the others asked for at that tick; `progress` how many ticks are done, of how many. Raises
    InvalidRequest and InvalidSeries.
    """
    setting = setting_of(load, from_s, terms, risk)
    swept = {choice.name: choice.swept(setting) for choice in chosen} if sweep else {}
    every = {choice.label: choice for choice in (*chosen, *(one for group in swept.values() for one in group))}
    # A default that its range holds too is run once.
    first: dict[tuple[str, float], str] = {}
    for label, one in every.items():
        first.setdefault((one.name, one.value(setting)), label)
    policies = {label: every[label].make(setting) for label in first.values()}
    watches = [] if explain is None else [_explaining(policies, explain)]
    if progress is not None:
        watches.append(_progressing(progress, -(-len(setting.ahead) // terms.tick_s)))
    done = replay(policies, terms, setting.ahead, setting.history.counts[-terms.tick_s :], from_s, watches)
    by_label = {run.policy: run for run in done}
    runs = [replace(by_label[first[one.name, one.value(setting)]], policy=label) for label, one in every.items()]
    spikes = find(setting.ahead, terms)
    clairvoyant_s = clairvoyant_replica_seconds(setting.ahead, terms)
    told = {run.policy: figures(run, terms, clairvoyant_s, spikes) for run in runs}
    return Study(
        terms=terms,
        runs=runs,
        figures=told,
        frontiers={name: points(told, group) for name, group in swept.items()},
        foreseen=setting.foreseen,
        clairvoyant_replica_seconds=clairvoyant_s,
    )


def setting_of(load: Arrivals, from_s: float, terms: Terms, risk: float = DEFAULT_RISK) -> Setting:
    """What policies are made from: the load before `from_s` is their past."""
    history = Arrivals(load.start_s, load.between(load.start_s, from_s))
    return Setting(terms, history, load.between(from_s, load.end_s), risk)


def _progressing(progress: Progress, ticks: int) -> Watch:
    done = count(1)

    def watch(_: list[Moment]) -> None:
        at = next(done)
        if at % TOLD_EVERY == 0 or at == ticks:
            progress(at, ticks)

    return watch


def _explaining(policies: Mapping[str, Policy], explain: Explain) -> Watch:
    ours = {label: policy for label, policy in policies.items() if isinstance(policy, PredictivePolicy)}

    def watch(moments: list[Moment]) -> None:
        for label, policy in ours.items():
            if policy.plan is not None:
                rivals = [moment for moment in moments if moment.policy != label]
                explain(replace(policy.plan, pool=label), rivals)

    return watch
