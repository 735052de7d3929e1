"""One load under several policies: the runs, the frontiers, the report. PURE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.catalogue import DEFAULT_RISK, Choice, Setting
from tidegate.simulate.frontier import Point
from tidegate.simulate.policies import Terms
from tidegate.simulate.predictive import Foreseen
from tidegate.simulate.replay import Run, replay
from tidegate.simulate.report import clairvoyant_replica_seconds, figures, frontier_figures, points
from tidegate.simulate.spikes import find


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What came of it. `figures` by label, `frontiers` by name (none without a sweep), `foreseen` for the chart."""

    terms: Terms
    runs: list[Run]
    figures: Mapping[str, dict[str, Any]]
    frontiers: Mapping[str, list[Point]]
    foreseen: Sequence[Foreseen]
    clairvoyant_replica_seconds: float

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
) -> Study:
    """Replay `load` from `from_s` on under every policy chosen, and over their ranges for a `sweep`.

    What came before is history to learn from. Raises InvalidRequest and InvalidSeries.
    """
    history = Arrivals(load.start_s, load.between(load.start_s, from_s))
    setting = Setting(terms, history, load.between(from_s, load.end_s), risk)
    swept = {choice.name: choice.swept(setting) for choice in chosen} if sweep else {}
    every = {choice.label: choice for choice in (*chosen, *(one for group in swept.values() for one in group))}
    policies = {label: choice.make(setting) for label, choice in every.items()}
    runs = replay(policies, terms, setting.ahead, history.counts[-terms.tick_s :], from_s)
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
