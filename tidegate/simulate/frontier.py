"""What a policy can do over its whole tuning range: cost against misses. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SHARES = (0.001, 0.003, 0.01)
"""Shares of misses that frontiers are compared at."""


@dataclass(frozen=True, slots=True)
class Point:
    """One setting's outcome."""

    setting: float
    miss_share: float
    cost: float


def frontier(points: Sequence[Point]) -> list[Point]:
    """The lower convex hull, safest first: nothing is both safer and cheaper, nor is any mixture of two others.

    Taking turns between two settings gives any point between them, so the hull is what can be had. (Andrew's
    monotone chain.)
    """
    hull: list[Point] = []
    for point in sorted(points, key=lambda p: (p.miss_share, p.cost)):
        if hull and point.cost >= hull[-1].cost:
            continue
        while len(hull) >= 2 and _below(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def cost_at(points: Sequence[Point], miss_share: float) -> float | None:
    """The least cost at no more than that share of misses; None where no setting is that safe."""
    hull = frontier(points)
    if not hull or hull[0].miss_share > miss_share:
        return None
    for safer, cheaper in pairwise(hull):
        if cheaper.miss_share > miss_share:
            part = (miss_share - safer.miss_share) / (cheaper.miss_share - safer.miss_share)
            return safer.cost + part * (cheaper.cost - safer.cost)
    return hull[-1].cost


def _below(first: Point, middle: Point, last: Point) -> bool:
    """Whether the line from first to last passes below the middle."""
    run, rise = last.miss_share - first.miss_share, last.cost - first.cost
    return (middle.miss_share - first.miss_share) * rise <= (middle.cost - first.cost) * run
