"""Golden traces of the planner: one tick's readings in, the decision and its reasons out, as text.

A trace (`planner/*.txt`) is blocks of lines: a tick's readings, a line `----`, and the plan. A value stays until a line
names it again. After a wished change, `TIDEGATE_REWRITE=1 pytest tests/golden` writes them anew: read the difference.

Readings: `pool KEY=VALUE…` (of the wishes, first block only) · `ready N` · `starting S…` (seconds until ready, or none)
· `demand R` · `served R` · `outstanding R` (rows/s and rows, `?` is no reading) · `forecast R…` (one level per tick
ahead, the last one stays; several paths by `|`; `?` none) · `expected R…` (what each path said of the last tick, `?`
nothing) · `minutes AGO R…` (in place of both: a forecaster that steps by the minute, its first begun so many seconds
before) · `skill SEASONAL LAST ORIGINS` · `tick [×N]` (passes).
"""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaler.demand import grid, pool_forecast
from scaler.observation import Observation, PoolForecast, PoolSpec
from scaler.planner import Memory, plan
from tests.support.pools import observation, spec
from tests.support.recorded import assert_recorded
from tidegate.shared.values import Forecast, Mode, Plan, Skill

TRACES = sorted((Path(__file__).parent / "planner").glob("*.txt"))


class Script:
    """A pool, told its readings in words."""

    def __init__(self) -> None:
        self.spec: PoolSpec = spec()
        self.now: Observation = observation(now_s=0.0)
        self.levels: list[list[float]] = []
        self.expected: list[float] | None = None
        self.skill = Skill(50, 0.3, 0.3, 0.95)
        self.minutes: Forecast | None = None
        self.memory = Memory()

    def tell(self, line: str) -> list[str]:
        name, *words = line.split()
        if name == "pool":
            self.spec = dataclasses.replace(self.spec, **dict(map(_wish, words)))
        elif name == "ready":
            self._set(ready=int(words[0]))
        elif name == "starting":
            self._set(starting_ready_in_s=tuple(float(word) for word in words))
        elif name in ("demand", "served", "outstanding"):
            field = "outstanding_rows" if name == "outstanding" else f"{name}_rows_per_s"
            self._set(**{field: None if words[0] == "?" else float(words[0])})
        elif name == "forecast":
            paths = " ".join(words).split("|")
            self.levels = [] if words == ["?"] else [[float(level) for level in path.split()] for path in paths]
        elif name == "expected":
            self.expected = None if words == ["?"] else [float(word) for word in words]
        elif name == "minutes":
            self.minutes = _by_minutes(self.now.now_s - float(words[0]), [float(word) for word in words[1:]])
        elif name == "skill":
            self.skill = Skill(int(words[2]), float(words[0]), float(words[1]), 0.95)
        else:
            assert name == "tick", f"unknown line {line!r}"
            times = int(words[0][1:]) if words else 1
            return [text for _ in range(times) for text in self._tick()]
        return []

    def _set(self, **readings: Any) -> None:
        self.now = dataclasses.replace(self.now, **readings)

    def _tick(self) -> list[str]:
        decided, self.memory = plan(self.spec, dataclasses.replace(self.now, forecast=self._forecast()), self.memory)
        self._set(now_s=self.now.now_s + self.now.tick_s)
        return _written(decided)

    def _forecast(self) -> PoolForecast | None:
        if self.minutes is not None:
            now, ahead_s = self.now, self.now.window_s + self.now.lead.seconds
            step_s = grid(now.window_s, now.tick_s)
            return pool_forecast({"m": self.minutes}, {}, {}, now.now_s, ahead_s, step_s, now.tick_s)
        if not self.levels:
            return None
        steps = math.ceil((self.now.window_s + self.now.lead.seconds) / self.now.tick_s)
        rows = [(path + [path[-1]] * steps)[:steps] for path in self.levels]
        present = None if self.expected is None else np.array(self.expected)
        return PoolForecast(self.now.tick_s, np.array(rows), self.skill, present_rows_per_s=present)


def _by_minutes(start_s: float, rates: list[float]) -> Forecast:
    """A forecast that is sure of these minutes, in twenty equal paths."""
    paths = np.tile(rates, (20, 1))
    skill = Skill(50, 0.3, 0.3, 0.95)
    return Forecast("m", start_s, start_s, 60.0, (0.5,), paths[:1], 60.0, paths.max(axis=1)[:1], paths, skill)


def _wish(word: str) -> tuple[str, Any]:
    key, _, value = word.partition("=")
    if key == "mode":
        return key, None if value == "auto" else Mode(value)
    return key, float(value) if "." in value else int(value)


def _written(decided: Plan) -> list[str]:
    lines = [f"{decided.at_s:g} s {decided.mode}: {decided.asked} → {decided.desired}   ({decided.mode_reason})"]
    lines += [f"  {one.name} {'?' if one.replicas is None else one.replicas}: {one.reason}" for one in decided.terms]
    lines += [f"  then {one.name} {one.before} → {one.after}: {one.reason}" for one in decided.adjustments]
    return lines


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.stem)
def test_trace(trace: Path) -> None:
    script, blocks = Script(), []
    for block in trace.read_text().strip().split("\n\n"):
        told = [line for line in block.split("----")[0].splitlines() if line]
        outcome = [text for line in told if not line.startswith("#") for text in script.tell(line)]
        blocks.append("\n".join([*told, "----", *outcome]))
    assert_recorded(trace, "\n\n".join(blocks) + "\n")


def test_there_are_traces() -> None:
    assert len(TRACES) >= 4
