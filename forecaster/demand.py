"""A model's demand as it is learned from: read from the history, summed over sources, on one grid."""

from dataclasses import dataclass

import numpy as np

from forecaster import model as core
from forecaster.history import History, Span
from forecaster.series import check_step, choose_step_s, total_demand
from tidegate.shared.errors import NoData
from tidegate.shared.values import DemandSeries

LEARNED_S = 14 * 86_400.0
"""A longer history is modelled at the step that suits this much of it: a minute shows what bursts an average of five
hides, and core.MAX_POINTS of them are three weeks."""


@dataclass(frozen=True, slots=True)
class DemandReader:
    """Demand of every model. `step_s` is the step that is modelled, None for one that suits each history.

    `stale_s` is the age from which on what was last observed says nothing about now.
    """

    history: History
    step_s: float | None
    stale_s: float

    def learned(self, model: str, now_s: float, step_s: float | None = None) -> DemandSeries:
        """What a fit at `now_s` learns from. Raises SeriesNotFound, InvalidRequest, and NoData for an old history."""
        span = self.history.span(model)
        if step_s is not None:
            check_step(step_s)
        span_s = min(span.last_s - span.first_s, LEARNED_S)
        step = step_s or self.step_s or choose_step_s(span_s, span.coarsest_step_s)
        series = self.between(model, span, max(span.first_s, span.last_s - core.MAX_POINTS * step), now_s, step)
        if not np.isfinite(series.rate_rps).any():
            raise NoData(f"model {model!r}: its first step of {step:g} s is not over, or less than half observed")
        return series

    def current(self, model: str, now_s: float) -> Span:
        """What is known of a model. Raises SeriesNotFound, and NoData when nothing has come for too long."""
        span = self.history.span(model)
        age_s = now_s - span.last_s
        if age_s > self.stale_s:
            raise NoData(
                f"model {model!r}: its last demand was observed {age_s:.0f} s ago, over stale_s = "
                f"{self.stale_s:g}; is the router followed, or the imported history too old?"
            )
        return span

    def between(self, model: str, span: Span, since_s: float, until_s: float, step_s: float) -> DemandSeries:
        """Demand in [since, until), on the grid of the step's multiples; all missing where nothing was observed.

        History that ends long ago is not stretched to `until_s`: what is missing there is its age, not a gap.
        """
        until_s = min(until_s, span.last_s + self.stale_s)
        start_s = float(np.floor(since_s / step_s + 1e-9) * step_s)
        length = max(0, int(np.floor((until_s - start_s) / step_s + 1e-9)))
        rates = np.full(length, np.nan)
        sources = self.history.read(span, start_s, step_s, until_s)
        if sources and length:
            total = total_demand(model, sources, step_s, start_s + length * step_s)
            offset = round((total.start_s - start_s) / step_s)
            first = max(offset, 0)
            rates[first : offset + len(total.rate_rps)] = total.rate_rps[first - offset :]
        return DemandSeries(model, start_s, step_s, rates)
