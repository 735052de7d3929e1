"""Runs the demo: one policy after the other on the same traffic, then the comparison."""

import asyncio
import json
import math
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from tidegate.client.load import InferSender, OpenLoop
from tidegate.client.results import latency_quantiles
from tidegate.demo import chart, pace
from tidegate.demo.config import MODE_OF, Stack, prepare
from tidegate.demo.models import CONSTANT, SCALED, Digits, build_repository, repository_of
from tidegate.demo.records import PolicyRun
from tidegate.demo.report import policy_report, verdict
from tidegate.demo.scenario import Scenario
from tidegate.demo.screen import Row, Screen
from tidegate.demo.traffic import CONSTANT_RPS, AnswerSheet, Traffic, make_traffic
from tidegate.demo.watch import Watcher
from tidegate.shared import child_processes
from tidegate.shared.errors import TidegateError
from tidegate.shared.grpc_errors import error_of
from tidegate.shared.machine import describe

UP_S = 120.0
"""Longest wait for the first replica (imports are slow on a cold disk)."""
STOP_S = 100.0
RECENT_S = 5.0
"""The p99 on the screen is of answers of the last so many seconds."""


class DemoFailed(TidegateError):
    """The stack did not come up, or a part of it ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the command prints and exits by."""

    report: dict[str, Any]
    good: bool
    sentence: str
    report_file: Path
    chart_file: Path


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One policy and what it is tried on; all but the policy is the same for both."""

    policy: str
    scenario: Scenario
    traffic: Traffic
    digits: Digits
    models: Path


def run_demo(scenario: Scenario, out: Path, screen: Screen, *, recorded: bool, seed: int = 0) -> Outcome:
    """The whole demo; writes `demo-report.json` and `demo.png` into `out`. Raises DemoFailed."""
    out.mkdir(parents=True, exist_ok=True)
    screen.say("training a digits classifier and exporting it as ONNX and torch.export …")
    started = time.monotonic()
    digits = build_repository(out / "models", seed)
    screen.say(f"  {digits.accuracy:.1%} of {len(digits.truth)} held-out digits read rightly; {_since(started)}")
    for line in pace.words(_has_accelerator()):
        screen.say(f"  {line}")
    traffic = make_traffic(scenario, len(digits.truth), np.random.default_rng(seed))
    screen.say(
        f"traffic: {scenario.name}; a day lasts {scenario.day_s:g} s, {len(scenario.history_rps) / scenario.day_s:.0f} "
        f"days of history, {scenario.live_s:g} s live with {len(traffic.due_s)} requests under each policy"
    )
    screen.say(
        f"{SCALED} is scaled; {CONSTANT} (the same weights) has one replica that stays and {CONSTANT_RPS:g} requests/s"
    )
    runs = []
    for policy in MODE_OF:
        stack = prepare(out / policy, out / "models", policy, scenario.min_replicas)
        runs.append(asyncio.run(run_policy(Case(policy, scenario, traffic, digits, out / "models"), stack, screen)))
    policies = {run.policy: policy_report(run) for run in runs}
    report = {"policies": policies, "machine": describe()}
    good, sentence = verdict(policies, recorded)
    report_file, chart_file = out / "demo-report.json", out / "demo.png"
    report_file.write_text(json.dumps(report, indent=2) + "\n")
    chart.draw(runs, chart_file)
    screen.compare(policies)
    return Outcome(report, good, sentence, report_file, chart_file)


def _has_accelerator() -> bool:
    import torch

    return bool(torch.cuda.is_available())


async def run_policy(case: Case, stack: Stack, screen: Screen) -> PolicyRun:
    """Start everything, import the history, drive the live part, stop in order. Raises DemoFailed."""
    with screen.run(f"{case.policy}: pool mode {MODE_OF[case.policy]}"):
        async with _stack_up(stack, case.models) as process, Watcher.of(stack) as watcher:
            work = asyncio.create_task(_live(case, stack, watcher, screen))
            ended = asyncio.create_task(process.wait())
            try:
                await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    raise DemoFailed(f"tidegate up ended with code {ended.result()}; its logs: {stack.logs}")
                return work.result()
            except grpc.aio.AioRpcError as error:
                raise error_of(error, f"{case.policy}'s stack (logs: {stack.logs})") from None
            finally:
                work.cancel()
                ended.cancel()
                await asyncio.wait({work, ended})


@asynccontextmanager
async def _stack_up(stack: Stack, models: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`tidegate up` on the stack's settings file, and the replica that stays; stopped in order at the end."""
    stack.logs.mkdir(parents=True, exist_ok=True)
    constant = ("--listen", "127.0.0.1:0", "--models", str(repository_of(models, CONSTANT)), "--router", stack.admin)
    async with (
        _tidegate(stack.logs / "up.log", "up", "--config", str(stack.config), "--logs", str(stack.logs)) as up,
        _tidegate(stack.logs / f"{CONSTANT}.log", "model-server", *constant),
    ):
        yield up


@asynccontextmanager
async def _tidegate(log_file: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *child_processes.leashed((sys.executable, "-m", "tidegate.cli", *arguments)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await child_processes.stop(process, STOP_S)


async def _live(case: Case, stack: Stack, watcher: Watcher, screen: Screen) -> PolicyRun:
    if not await watcher.until_ready(case.scenario.min_replicas, UP_S):
        raise DemoFailed(f"the first replicas were not ready within {UP_S:g} s; logs: {stack.logs}")
    start_s = math.ceil(time.time()) + 1
    await watcher.import_history(start_s - len(case.traffic.history_rps), case.traffic.history_rps)
    sheet = AnswerSheet(case.digits, case.traffic)
    sender = InferSender(stack.router, sheet.requests(), sheet.choice(), check=sheet.check)
    load = OpenLoop(case.traffic.due_s, sender.send)
    await asyncio.sleep(start_s - time.time())
    began = time.monotonic()

    def clock() -> float:
        return time.monotonic() - began

    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(watcher.keep_looking(clock))
        showing = tasks.create_task(_keep_showing(case, load, watcher, clock, screen))
        result = await load.run()
        # The account of replicas runs to the end of the live part, however early the last answer came.
        await asyncio.sleep(max(0.0, case.scenario.live_s - clock()))
        looking.cancel()
        showing.cancel()
    await sender.close()
    offered_rps = case.traffic.offered_rps(len(case.scenario.live_rps))
    seen = tuple(watcher.samples), tuple(watcher.predictions)
    return PolicyRun(case.policy, case.scenario, result, sheet.right, offered_rps, *seen)


async def _keep_showing(
    case: Case, load: OpenLoop, watcher: Watcher, clock: Callable[[], float], screen: Screen
) -> None:
    offered_rps = case.traffic.offered_rps(len(case.scenario.live_rps))
    while True:
        await asyncio.sleep(1.0 - clock() % 1.0)
        if watcher.samples:
            second = min(int(clock()), len(offered_rps)) - 1
            screen.show(_row(case.policy, float(offered_rps[second]), load, watcher, clock()))


def _row(policy: str, rate_rps: float, load: OpenLoop, watcher: Watcher, now_s: float) -> Row:
    result, sample = load.result(now_s), watcher.samples[-1]
    answered_at = result.due_s + result.latency_s
    recent = result.latency_s[answered_at > now_s - RECENT_S]
    latest = watcher.predictions[-1] if watcher.predictions else None
    return Row(
        policy=policy,
        at_s=now_s,
        rate_rps=rate_rps,
        forecast_rps=(latest.rate_rps[0], latest.rate_rps[-1]) if latest else None,
        ahead_s=latest.for_s - latest.made_s if latest else 0.0,
        mode=sample.mode,
        asked=sample.asked,
        ready=sample.ready,
        outstanding=sample.outstanding,
        p99_s=latency_quantiles(recent)[2],
        failed=load.failed,
    )


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
