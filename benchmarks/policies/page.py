"""The recorded matrix as Markdown tables, for people and for docs/policies.md. PURE."""

from collections.abc import Mapping
from typing import Any

from tidegate.simulate.frontier import SHARES

FRONTIERS = ("predictive", "hpa", "constant")


def page(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """All parts: the defaults, and what the frontiers cost."""
    ordered = sorted(parts, key=lambda title: (title.split()[0], float(title.split()[1])))
    return "\n".join(
        (
            "# Recorded: what the policies would have done",
            "",
            "Written by `python -m benchmarks policies`; read in [docs/policies.md](../../docs/policies.md).",
            "",
            *_defaults({title: parts[title] for title in ordered}),
            "",
            *_frontiers({title: parts[title] for title in ordered if parts[title]["frontiers"]}),
            "",
        )
    )


def _defaults(parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names = list(next(iter(parts.values()))["policies"])
    rows = [
        "Share of requests that waited over 0.5 s, in % @ replica-seconds over the clairvoyant's. Each policy at its",
        "default; \\* a rival that is cheaper than ours and no less safe.",
        "",
        "| load, start-up | days, seeds | " + " | ".join(names) + " |",
        "|---" * (len(names) + 2) + "|",
    ]
    for title, one in parts.items():
        cells = [_cell(one["policies"][name], name in one["cheaper_and_safer_than_ours"]) for name in names]
        size = f"{one['evaluated_s'] / 86400:.2g}, {one['seeds']}"
        rows.append(f"| {_title(title)} | {size} | " + " | ".join(cells) + " |")
    return rows


def _frontiers(parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    shares = [f"{share:g}" for share in SHARES]
    rows = [
        "Least cost over the clairvoyant's at no more than that share of misses, each policy swept after the fact, and",
        "ours over the better of both rivals (-: can't be so safe at any setting).",
        "",
        "| load, start-up | misses | ours | hpa | constant | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for title, one in parts.items():
        for share in shares:
            costs = [one["frontiers"].get(name, {"cost_at": {}})["cost_at"].get(share) for name in FRONTIERS]
            ratio = one["cost_over_best_rival"].get(share)
            shown = " | ".join("-" if cost is None else f"{cost:.2f}" for cost in (*costs, ratio))
            rows.append(f"| {_title(title)} | {float(share):.1%} | {shown} |")
    return rows


def _cell(row: Mapping[str, Any], beaten: bool) -> str:
    return f"{100 * row['miss_share']:.2f} @ {row['cost_over_clairvoyant']:.2f}" + ("\\*" if beaten else "")


def _title(title: str) -> str:
    name, startup_s = title.split()
    return f"{name}, {startup_s} s"
