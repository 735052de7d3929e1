"""Measures one part of the matrix: a load, a start-up, a seed; what was measured before is taken from what was kept."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from benchmarks.policies.cases import CAPACITY_RPS, Case, load
from benchmarks.policies.kept import Kept
from tidegate.simulate.catalogue import POLICIES, Choice, Setting
from tidegate.simulate.policies import Terms
from tidegate.simulate.predictive import Foreseen
from tidegate.simulate.sketch import Sketch
from tidegate.simulate.study import setting_of, study

SWEPT = ("predictive", "hpa", "constant")
"""Whose frontiers are compared: ours, the strongest rival's, and that of no autoscaler at all."""


def terms(startup_s: float) -> Terms:
    """The matrix's rules: those of `tidegate simulate` unless said otherwise."""
    return Terms(CAPACITY_RPS, startup_s, slo_wait_s=0.5, tick_s=15, min_replicas=1, max_replicas=200)


def measure(
    case: Case,
    startup_s: float,
    seed: int,
    evaluated_s: float,
    *,
    sweep: bool,
    policies: Sequence[str] = tuple(POLICIES),
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, Any]]:
    """Each policy at its default, and with `sweep` each number of its range: `{name: {number: record}}`.

    The default comes first. A record is `{"figures": …, "sketch": …}`. `told` hears what is being run.
    """
    rules = terms(startup_s)
    arrived, from_s = load(case, seed, evaluated_s)
    setting, kept = setting_of(arrived, from_s, rules), Kept(arrived, from_s, rules)
    wanted = [one for name in policies for one in _numbers(name, setting, sweep=sweep and name in SWEPT)]
    for group in _groups([one for one in wanted if kept.find(one.name, one.value(setting)) is None]):
        told(", ".join(one.label for one in group))
        done = study(arrived, from_s, rules, group)
        for choice, sketch in zip(group, done.sketches(), strict=True):
            record = {"figures": done.figures[choice.label], "sketch": asdict(sketch)}
            kept.keep(choice.name, choice.value(setting), record)
    result: dict[str, dict[str, Any]] = {}
    for one in wanted:
        number = one.value(setting)
        result.setdefault(one.name, {})[f"{number:g}"] = kept.find(one.name, number)
    return result


def sketch_of(record: dict[str, Any]) -> Sketch:
    """The sketch that a record keeps."""
    fields = record["sketch"]
    fan = tuple(Foreseen(one["at_s"], tuple(one["rates_rps"])) for one in fields["fan"])
    return Sketch(**{**fields, "fan": fan})


def _numbers(name: str, setting: Setting, *, sweep: bool) -> list[Choice]:
    default = Choice(name, name)
    if not sweep:
        return [default]
    usual = default.value(setting)
    return [default, *(one for one in default.swept(setting) if one.number != usual)]


def _groups(missing: Sequence[Choice]) -> list[list[Choice]]:
    """One policy's numbers at a time: they share a forecaster and the clairvoyant, and little is lost at a cut."""
    return [list(group) for _, group in groupby(missing, key=lambda one: one.name)]
