"""Rounds of the same scenario and the same arrivals through every policy, interleaved."""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.balance.chart import draw
from benchmarks.balance.peers import POLICIES, Policy, missing
from benchmarks.balance.replicas import REQUEST, Replicas, quiet_address, spawn, who_answered
from benchmarks.balance.report import Row, show
from benchmarks.balance.scenario import CAPACITY_RPS, DEADLINE_S, LOADS, ROLES, Phase, phases, service_s
from benchmarks.balance.summary import NOBODY, Run, quantiles, summarize
from benchmarks.recording import record_section, recorded
from tidegate.client.load import InferSender, OpenLoop
from tidegate.client.results import OK
from tidegate.client.schedule import steady
from tidegate.shared.machine import describe

NAME = "balance"
CONNECTIONS = 4
SETTLE_S = 1.0
"""From when the replicas are ready until the first request, so that checks have found who is there. Sooner it would go
to replicas that are not, and count against them."""
WARM_S = 20.0


class Teller:
    """Sends the request, and notes which replica answered."""

    def __init__(self, target: str, requests: int, connections: int = CONNECTIONS) -> None:
        self.replica = np.full(requests, NOBODY)
        self._sender = InferSender(
            target,
            [REQUEST],
            np.zeros(requests, int),  # type: ignore[arg-type]
            deadline_s=DEADLINE_S,
            check=self._check,
            connections=connections,
        )
        self.send = self._sender.send
        self.close = self._sender.close

    def _check(self, k: int, response: bytes) -> bool:
        self.replica[k] = who_answered(response)
        return bool(self.replica[k] != NOBODY)


async def warm_up(target: str, roles: Sequence[str]) -> None:
    """Return when each of the roles has answered through the proxy. Raises RuntimeError after WARM_S."""
    wanted, deadline_s = {ROLES.index(role) for role in roles}, time.monotonic() + WARM_S
    await asyncio.sleep(SETTLE_S)
    while time.monotonic() < deadline_s:
        teller = Teller(target, 4 * len(ROLES))
        statuses = await asyncio.gather(*(teller.send(k) for k in range(len(teller.replica))))
        await teller.close()
        if set(statuses) == {OK} and wanted <= set(teller.replica):
            return
    raise RuntimeError(f"not all of {', '.join(roles)} answered through the proxy within {WARM_S} s")


async def act(replicas: Replicas, plan: Sequence[Phase]) -> None:
    """What happens to the replicas, at its time from now."""
    actions = {
        "joining": lambda: replicas.start("joining"),
        "failing": replicas.break_device,
        "mended": replicas.mend_device,
        "draining": lambda: replicas.stop("leaving"),
    }
    begin_s = time.monotonic()
    for phase in plan:
        await asyncio.sleep(begin_s + phase.start_s - time.monotonic())
        actions.get(phase.name, lambda: None)()


async def run_once(policy: Policy, load: float, plan: Sequence[Phase], rng: np.random.Generator, folder: Path) -> Run:
    """One policy through the whole scenario."""
    with Replicas(folder) as replicas, ExitStack() as stack:
        present = [role for role in ROLES if role != "joining"]
        listen, log = quiet_address(), folder / "proxy.log"
        proxy = spawn(policy.command(listen, [replicas.addresses[role] for role in ROLES], folder), log)
        stack.callback(proxy.wait)
        stack.callback(proxy.kill)
        for role in present:
            replicas.start(role)
        for role in present:
            replicas.wait_until_ready(role)
        try:
            await warm_up(listen, present)
        except RuntimeError as error:
            raise RuntimeError(f"{policy.title}: {error}\n{log.read_text()}") from None
        due_s = steady(load * CAPACITY_RPS, plan[-1].end_s, rng)
        teller = Teller(listen, len(due_s))
        acting = asyncio.create_task(act(replicas, plan))
        result = await OpenLoop(due_s, teller.send).run()
        await acting
        await teller.close()
        replicas.check_events()
        return Run(result, teller.replica, replicas.refused)


async def measure(
    policies: Sequence[Policy], loads: Sequence[float], rounds: int, stretch: float, seed: int
) -> dict[float, dict[str, Row]]:
    """By load and policy: its row. Each round gives all policies the same arrivals; their order moves on by one."""
    plan = phases(stretch)
    runs: dict[tuple[float, str], list[Run]] = {(load, policy.title): [] for load in loads for policy in policies}
    for turn in range(rounds):
        for load in loads:
            for number in range(len(policies)):
                policy = policies[(number + turn) % len(policies)]
                rng = np.random.default_rng([seed, turn, round(load * 100)])
                with tempfile.TemporaryDirectory() as folder:
                    run = await run_once(policy, load, plan, rng, Path(folder))
                runs[load, policy.title].append(run)
                _say(turn, load, policy, run)
    return {load: {policy.title: summarize(runs[load, policy.title], plan) for policy in policies} for load in loads}


def _say(turn: int, load: float, policy: Policy, run: Run) -> None:
    p99_s = quantiles(run.load.latency_s[run.load.ok])["p99_s"] or 0.0
    said = f"p99 of answers {p99_s * 1e3:.0f} ms, {int((~run.load.ok).sum())} of {len(run.replica)} failed"
    Console(stderr=True).print(f"load {load:.0%}, round {turn + 1}, {policy.title}: {said}", soft_wrap=True)


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print its tables, record it and draw its chart."""
    options = _options(arguments)
    for name, hint in missing().items():
        Console(stderr=True).print(f"{name} is not installed, so it is not measured: {hint}")
    policies = [policy for policy in POLICIES if policy.by not in missing()]
    rows = asyncio.run(measure(policies, options.load, options.rounds, options.stretch, options.seed))
    for load, of_load in rows.items():
        show(load, of_load, describe())
        result = {
            "seed": options.seed,
            "rounds": options.rounds,
            "phases": {phase.name: [phase.start_s, phase.end_s] for phase in phases(options.stretch)},
            "service_s": {role: service_s(role) for role in ROLES},
            "deadline_s": DEADLINE_S,
            "settings": {policy.title: policy.settings for policy in policies},
            "rows": of_load,
        }
        path = record_section(NAME, f"{load:.2f}", result)
    chart = path.with_suffix(".png")
    draw(recorded(NAME), chart)
    Console().print(f"recorded in {path}, drawn in {chart}")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks balance", description=__doc__)
    about = "share of the capacity (both); the other one's record stays"
    parser.add_argument("--load", type=float, nargs="+", choices=LOADS, default=LOADS, help=about)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each policy (3)")
    parser.add_argument("--stretch", type=float, default=1.0, help="make each phase this many times longer (1)")
    parser.add_argument("--seed", type=int, default=0, help="of the arrivals (0)")
    return parser.parse_args(arguments)
