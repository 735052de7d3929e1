"""From the runs of a part to its figures, and from all parts to the verdicts. PURE."""

from collections.abc import Mapping, Sequence
from math import exp, inf, log
from statistics import fmean, median
from typing import Any

from tidegate.simulate.frontier import SHARES, Point, cost_at

STEEP = ("worldcup98", "servegen_msmall", "spikes")
TIDAL = ("nyctaxi", "nasa")
STEEP_TARGET, ANY_TARGET, TIDAL_TARGET, TIDAL_SHARE = 0.8, 1.03, 1.12, 0.003
AFTER_THE_FACT = ("hpa", "constant")
"""Rivals whose frontiers are the ones to beat: no user can choose their number so well before."""

Runs = Mapping[str, Mapping[str, Any]]
"""By policy, by number, the default first: one seed's records."""


def part(seeds: Sequence[Runs]) -> dict[str, Any]:
    """One load at one start-up: means over the seeds for each policy at its default, and the frontiers."""
    defaults = {name: _mean([next(iter(runs[name].values()))["figures"] for runs in seeds]) for name in seeds[0]}
    frontiers = {}
    for name, by_number in seeds[0].items():
        if len(by_number) > 1:
            numbers = [number for number in by_number if all(number in runs[name] for runs in seeds)]
            frontiers[name] = _frontier(
                sorted(
                    (_point(float(number), [runs[name][number]["figures"] for runs in seeds]) for number in numbers),
                    key=lambda point: point.setting,
                )
            )
    return {
        "seeds": len(seeds),
        "policies": defaults,
        "cheaper_and_safer_than_ours": dominating(defaults),
        "frontiers": frontiers,
        "cost_over_best_rival": _ratios(frontiers),
    }


def dominating(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Rivals that are cheaper than our default and no less safe; the prophet is none."""
    ours = rows.get("predictive")
    if ours is None:
        return []
    return [
        name
        for name, row in rows.items()
        if name not in {"clairvoyant", "predictive"}
        and row["miss_share"] <= ours["miss_share"]
        and row["cost_over_clairvoyant"] < ours["cost_over_clairvoyant"]
    ]


def verdicts(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Each target against the recorded parts, by `"load start-up"`."""
    beaten = {name: one["cheaper_and_safer_than_ours"] for name, one in parts.items()}
    ratios = {name: one["cost_over_best_rival"] for name, one in parts.items() if one["cost_over_best_rival"]}
    steep = [ratio for name, ratio in ratios.items() if _load(name) in STEEP]
    means = {share: _geometric_mean([ratio[share] for ratio in steep if share in ratio]) for share in _shares(steep)}
    tides = {
        name: one["frontiers"]["predictive"]["cost_at"][f"{TIDAL_SHARE:g}"]
        for name, one in parts.items()
        if _load(name) in TIDAL and "predictive" in one["frontiers"]
    }
    every = [ratio[share] for ratio in ratios.values() for share in ratio]
    return {
        "no rival is cheaper and no less safe": _verdict(
            [not rivals for rivals in beaten.values()],
            where={name: rivals for name, rivals in beaten.items() if rivals},
        ),
        f"steep: cost at most {STEEP_TARGET:g} x the best rival's, geometric mean": _verdict(
            [_within(mean, STEEP_TARGET) for mean in means.values()],
            means=means,
            where_we_reach_it={
                f"{share} where we reach it": _geometric_mean([one[share] for one in steep if one.get(share)])
                for share in means
            },
        ),
        f"any: cost at most {ANY_TARGET:g} x the best rival's": _verdict(
            [_within(ratio, ANY_TARGET) for ratio in every], over=_over(ratios)
        ),
        f"tides: cost at most {TIDAL_TARGET:g} x clairvoyant at {TIDAL_SHARE:.1%} misses": _verdict(
            [_within(cost, TIDAL_TARGET) for cost in tides.values()], costs=tides
        ),
    }


def _verdict(held: Sequence[bool], **figures: Any) -> dict[str, Any]:
    """`met` is None when nothing was measured that says so."""
    return {"met": all(held) if held else None, "held": f"{sum(held)} of {len(held)}", **figures}


def _within(cost: float | None, target: float) -> bool:
    return cost is not None and cost <= target


def _over(ratios: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    """Where ANY_TARGET isn't held: the ratios by part and share."""
    over = {
        name: {share: one for share, one in ratio.items() if not _within(one, ANY_TARGET)}
        for name, ratio in ratios.items()
    }
    return {name: shares for name, shares in over.items() if shares}


def _ratios(frontiers: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """Our least cost at each share of misses over the best rival's; None: we can't be so safe. A share at which no
    rival can be so safe isn't compared."""
    if "predictive" not in frontiers:
        return {}
    found: dict[str, float | None] = {}
    for share in (f"{share:g}" for share in SHARES):
        ours = frontiers["predictive"]["cost_at"][share]
        rivals = [frontiers[name]["cost_at"][share] for name in AFTER_THE_FACT if name in frontiers]
        best = min((cost for cost in rivals if cost is not None), default=None)
        if best is not None:
            found[share] = None if ours is None else ours / best
    return found


def _frontier(points: Sequence[Point]) -> dict[str, Any]:
    return {
        "points": [[point.setting, round(point.miss_share, 6), round(point.cost, 4)] for point in points],
        "cost_at": {f"{share:g}": cost_at(points, share) for share in SHARES},
    }


def _point(number: float, seeds: Sequence[Mapping[str, Any]]) -> Point:
    return Point(
        number, fmean(one["miss_share"] for one in seeds), fmean(one["cost_over_clairvoyant"] for one in seeds)
    )


def _mean(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    ahead = [
        -inf if spike["ready_ahead_s"] is None else spike["ready_ahead_s"] for one in seeds for spike in one["spikes"]
    ]
    middle = median(ahead) if ahead else None
    waits = [one["p99_wait_s"] for one in seeds]
    return {
        "miss_share": fmean(one["miss_share"] for one in seeds),
        "cost_over_clairvoyant": fmean(one["cost_over_clairvoyant"] for one in seeds),
        "p99_wait_s": None if None in waits else fmean(waits),
        "replica_hours": fmean(one["replica_hours"] for one in seeds),
        "turns_per_hour": fmean(one["turns_per_hour"] for one in seeds),
        "spikes": fmean(len(one["spikes"]) for one in seeds),
        "median_ready_ahead_s": None if middle == -inf else middle,
    }


def _shares(ratios: Sequence[Mapping[str, float | None]]) -> list[str]:
    return [share for share in (f"{share:g}" for share in SHARES) if any(share in ratio for ratio in ratios)]


def _geometric_mean(ratios: Sequence[float | None]) -> float | None:
    """None when at one of them we can't be so safe at all."""
    known = [ratio for ratio in ratios if ratio is not None]
    return exp(fmean(log(ratio) for ratio in known)) if known and len(known) == len(ratios) else None


def _load(name: str) -> str:
    return name.rpartition(" ")[0]
