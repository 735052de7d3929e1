"""The scale on which demand is modelled: noise there has about one size at any rate. PURE.

y = asinh(sqrt(rate / corner)) stabilises the variance of counts that are Poisson when few and spread in proportion
to their rate when many (the negative binomial; Anscombe, Biometrika 35, 1948): like a square root below the corner,
like a logarithm above it. A residual on this scale therefore widens with the rate when it is carried to another one.
"""

from dataclasses import dataclass

import numpy as np

from tidegate.shared.values import FloatArray

CORNER_COUNT = 25.0
"""Requests in a step at which Poisson noise (1/sqrt(25) = 20 %) is as large as the usual proportional noise."""

CORNER_SHARE = 0.05
"""The corner is at least this share of the usual rate, so that an outage is not minus infinity."""

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


def scale_for(rate_rps: FloatArray, step_s: float) -> Scale:
    """The scale that suits these rates on a grid of `step_s`. Needs at least one value."""
    known = rate_rps[np.isfinite(rate_rps)]
    busy = known[known > 0]
    usual = float(np.median(busy)) if len(busy) else 0.0
    corner = max(CORNER_COUNT / step_s, CORNER_SHARE * usual)
    return Scale(corner, max(CEILING_FACTOR * float(known.max()), corner))
