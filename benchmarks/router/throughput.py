"""Closed loop against the peers: requests/s, MB/s and CPU per request, in interleaved rounds."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.router.load import CONNECTIONS, STREAMS, Load, h2load
from benchmarks.router.programs import OURS, Proxy, echoes, proxies

ROUNDS = 7
ROUND_S = 1
NAMES = (OURS, "haproxy", "nginx", "envoy")


@dataclass(frozen=True, slots=True)
class Case:
    """A load and what ours must reach, as a multiple of each peer's requests/s."""

    name: str
    load: Load
    targets: Mapping[str, float]


CASES = (
    Case("256 B", Load(256), {"haproxy": 1.2, "nginx": 2.5, "envoy": 3.5}),
    Case("600 KB", Load(600 * 1024, reply_bytes=100), {"haproxy": 1.0}),
)


def measure(native: Path, folder: Path) -> dict[str, object]:
    rows = [row for case in CASES for row in _measure_case(native, folder, case)]
    return {"rounds": ROUNDS, "connections": CONNECTIONS, "streams": STREAMS, "rows": rows}


def _measure_case(native: Path, folder: Path, case: Case) -> list[dict[str, object]]:
    with (
        echoes(native, 2, *case.load.echo_options()) as backends,
        proxies(folder, backends, NAMES) as running,
    ):
        rounds: dict[str, list[dict[str, float]]] = {proxy.name: [] for proxy in running}
        for turn in range(ROUNDS + 1):
            for proxy in running:
                result = _round(proxy, folder, case)
                if turn > 0:  # the first one warms up
                    rounds[proxy.name].append(result)
    return [_row(name, results, rounds[OURS], case) for name, results in rounds.items()]


def _round(proxy: Proxy, folder: Path, case: Case) -> dict[str, float]:
    before = proxy.cpu_s()
    run = h2load(proxy.address, folder, case.load, "-D", f"{ROUND_S}s")
    cpu_us = (proxy.cpu_s() - before) / run.requests * 1e6
    return {"rps": run.rps, "mb_per_s": run.rps * case.load.message_bytes / 1e6, "cpu_us": cpu_us}


def _row(
    name: str, results: Sequence[dict[str, float]], ours: Sequence[dict[str, float]], case: Case
) -> dict[str, object]:
    """Medians over the rounds; ratios are taken round by round, so that a drift of the machine meets both sides."""
    pairs = list(zip(ours, results, strict=True))
    row: dict[str, object] = {"load": case.name, "proxy": name}
    row |= {key: round(statistics.median(one[key] for one in results), 1) for key in results[0]}
    row["ours_times_rps"] = round(statistics.median(a["rps"] / b["rps"] for a, b in pairs), 2)
    row["ours_times_less_cpu"] = round(statistics.median(b["cpu_us"] / a["cpu_us"] for a, b in pairs), 2)
    row["target_times_rps"] = case.targets.get(name)
    row["rounds_rps"] = [round(one["rps"]) for one in results]
    return row


def table(result: Mapping[str, object]) -> Table:
    title = f"Closed loop, {CONNECTIONS} connections x {STREAMS} streams, one worker each, median of {ROUNDS} rounds"
    table = Table("load", "proxy", "req/s", "MB/s", "CPU us/req", "ours: x req/s", "target", "x less CPU", title=title)
    for row in result["rows"]:  # type: ignore[attr-defined]
        target = "" if row["target_times_rps"] is None else f">= {row['target_times_rps']}"
        numbers = [
            f"{row['rps']:.0f}",
            f"{row['mb_per_s']:.0f}",
            f"{row['cpu_us']:.1f}",
            f"{row['ours_times_rps']:.2f}",
        ]
        table.add_row(row["load"], row["proxy"], *numbers, target, f"{row['ours_times_less_cpu']:.2f}")
    return table
