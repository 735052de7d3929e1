"""Ridge regression that broken days don't bend, scaled by the noise that is left. Closed form. PURE.

Coefficients are taken to be normal with standard deviation `PRIOR` (Hoerl, Kennard & Baldwin, Communications in
Statistics 4, 1975), and rows whose targets overlap count as one.
"""

import numpy as np

from forecaster.smoothing import robust_scale
from tidegate.shared.values import FloatArray

PRIOR = 1.0
"""Standard deviation of a coefficient before anything is known."""

BROKEN = 4.0
"""A target further from the fit than this many standard deviations enters the next one pulled in (Huber)."""

ROUNDS = 2


def solve(x: FloatArray, y: FloatArray, weights: FloatArray, overlap: float) -> FloatArray:
    """Coefficients, shape (features,), of y (rows,) on x (features, rows): numpy sums long rows quickest.

    `overlap` rows are worth one.
    """
    weighed, total, width = x * weights, float(weights.sum()), len(x)
    gram = weighed @ x.T
    solved, fitted = np.zeros(width), np.zeros(len(y))
    for _ in range(ROUNDS):
        error = y - fitted
        largest = BROKEN * robust_scale(error)
        error = np.clip(error, -largest, largest)
        noise = float(weights @ error**2) / total
        penalty = max(1.0, overlap) * noise / PRIOR**2 + 1e-9 * np.trace(gram) + 1e-12
        solved = np.linalg.solve(gram + penalty * np.eye(width), weighed @ (fitted + error))
        fitted = solved @ x
    return np.asarray(solved)
