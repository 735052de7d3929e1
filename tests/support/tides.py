"""Demand as tests want it: a tide with a sharp recurring spike, Poisson counts, at any step."""

import numpy as np

from tidegate.shared.values import DemandSeries, FloatArray


def tide_rates(steps: int, period: int, spike_at: int | None = None, spike_rps: float = 80.0) -> FloatArray:
    """The true rates: 5 to 35 requests/s over a period, and a spike three steps wide at a phase."""
    place = np.arange(steps)
    rates = 20.0 + 15.0 * np.sin(2.0 * np.pi * place / period)
    if spike_at is not None:
        phase = place % period
        rates = rates + spike_rps * ((phase >= spike_at) & (phase < spike_at + 3))
    return rates


def counted(rates: FloatArray, step_s: float = 1.0, seed: int = 0, start_s: float = 0.0) -> DemandSeries:
    """What a router would count of these rates: Poisson arrivals, as a rate per step."""
    counts = np.random.default_rng(seed).poisson(rates * step_s)
    return DemandSeries("digits", start_s, step_s, counts / step_s)
