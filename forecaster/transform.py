"""The scale on which demand is modelled: noise there has about one size at any rate. PURE.

y = asinh(sqrt(rate / corner)) stabilises the variance of counts that are Poisson when few and spread in proportion
to their rate when many (the negative binomial; Anscombe, Biometrika 35, 1948): like a square root below the corner,
like a logarithm above it. The corner is read from the series' own noise. A residual on this scale therefore widens
with the rate when it is carried to another one.
"""

from dataclasses import dataclass

import numpy as np

from tidegate.shared.values import FloatArray

CORNER_SHARE = 0.05
"""The corner is at least this share of the usual rate, so that an outage is not minus infinity."""

SMALLEST_SHARE = 1e-6
"""Nor is it less than this share of the highest rate (or this many requests/s)."""

LEVEL_BINS = 12
MIN_BIN = 8
LEAST_NOISE = 0.03
"""Proportional noise (its square root of variance over rate) is taken to be at least this."""

CEILING_FACTOR = 8.0
"""A forecast is capped at this many times the largest rate seen: a carried error may not explode."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Rates to the modelled scale and back."""

    corner_rps: float
    ceiling_rps: float

    def forward(self, rate_rps: FloatArray) -> FloatArray:
        """Modelled values of rates; NaN stays NaN."""
        return np.arcsinh(np.sqrt(rate_rps / self.corner_rps))

    def back(self, values: FloatArray) -> FloatArray:
        """Rates of modelled values: never negative, never over the ceiling, and monotone in between."""
        highest = np.arcsinh(np.sqrt(self.ceiling_rps / self.corner_rps))
        return self.corner_rps * np.sinh(np.clip(values, 0.0, highest)) ** 2


def scale_for(rate_rps: FloatArray) -> Scale:
    """The scale that suits these rates, whatever their unit. Needs at least one value."""
    known = rate_rps[np.isfinite(rate_rps)]
    busy = known[known > 0]
    usual = float(np.median(busy)) if len(busy) else 1.0
    corner = np.clip(_corner(rate_rps), CORNER_SHARE * usual, 10.0 * usual)
    highest = float(known.max())
    corner = max(float(corner), SMALLEST_SHARE * highest, SMALLEST_SHARE)
    return Scale(corner, max(CEILING_FACTOR * highest, corner))


def _corner(rate_rps: FloatArray) -> float:
    """The rate at which Poisson-like and proportional noise are equal; 0 where nothing says so.

    Noise is seen in the differences of neighbouring steps, by level: variance = a · rate + b · rate². Divided by
    rate² that is a line in 1/rate, fitted over bins of equal count; the corner is a / b.
    """
    level = 0.5 * (rate_rps[1:] + rate_rps[:-1])
    change = np.abs(np.diff(rate_rps))
    least = SMALLEST_SHARE * max(float(np.nanmax(rate_rps)), SMALLEST_SHARE)
    usable = np.isfinite(level) & (level > least)
    level, change = level[usable], change[usable]
    if len(level) < LEVEL_BINS * MIN_BIN:
        return 0.0
    order = np.argsort(level, kind="stable")
    bins = np.array_split(order, LEVEL_BINS)
    rates = np.array([level[b].mean() for b in bins])
    # The median absolute difference of two normal values of one variance is 0.954 standard deviations.
    noise = np.array([np.median(change[b]) / 0.954 for b in bins])
    design = np.stack((1.0 / rates, np.ones(LEVEL_BINS)), axis=1)
    poisson, proportional = np.linalg.lstsq(design, (noise / rates) ** 2, rcond=None)[0]
    return max(float(poisson), 0.0) / max(float(proportional), LEAST_NOISE**2)
