"""Open loop at a quarter of the slower one's peak: what a proxy adds to the latency of going straight to a backend."""

import statistics
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from benchmarks.router.load import Load, h2load, open_loop
from benchmarks.router.programs import OURS, echoes, proxies

ROUNDS = 15
ROUND_S = 0.7
PEER = "haproxy"
QUANTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99}
SMALL = Load(256)


def measure(native: Path, folder: Path) -> dict[str, object]:
    with echoes(native, 2) as backends, proxies(folder, backends, (OURS, PEER)) as running:
        if len(running) < 2:
            raise RuntimeError(f"{PEER} is not installed: there is nothing to compare the added latency with")
        # The lower peak's quarter is the rate of both: neither is asked for more than a quarter of what it can do.
        peaks = {
            proxy.name: statistics.median(h2load(proxy.address, folder, SMALL, "-D", "1s").rps for _ in range(3))
            for proxy in running
        }
        rate_rps = min(peaks.values()) / 4
        addresses = {"direct": backends[0]} | {proxy.name: proxy.address for proxy in running}
        rounds: dict[str, list[dict[str, int]]] = {name: [] for name in addresses}
        for turn in range(ROUNDS + 1):
            for name, address in addresses.items():
                latencies_us = open_loop(address, folder, SMALL, rate_rps, ROUND_S)
                if turn > 0:  # the first one warms up
                    rounds[name].append({key: latencies_us[int(len(latencies_us) * q)] for key, q in QUANTILES.items()})
    rows = [_row(name, results, rounds["direct"]) for name, results in rounds.items()]
    return {
        "rounds": ROUNDS,
        "rate_rps": round(rate_rps),
        "peaks_rps": {k: round(v) for k, v in peaks.items()},
        "rows": rows,
    }


def _row(name: str, results: list[dict[str, int]], direct: list[dict[str, int]]) -> dict[str, object]:
    row: dict[str, object] = {"proxy": name}
    for key in QUANTILES:
        row[key] = statistics.median(one[key] for one in results)
        added = statistics.median(a[key] - b[key] for a, b in zip(results, direct, strict=True))
        row[f"added_{key}"] = added
    return row


def table(result: Mapping[str, object]) -> Table:
    title = f"Open loop, {result['rate_rps']} requests/s (a quarter of the lower peak), median of {ROUNDS} rounds"
    columns = [f"{word}{key.removesuffix('_us')} us" for key in QUANTILES for word in ("", "added ")]
    table = Table("to", *columns, title=title)
    for row in result["rows"]:  # type: ignore[attr-defined]
        table.add_row(row["proxy"], *[f"{row[word + key]:.0f}" for key in QUANTILES for word in ("", "added_")])
    return table
