"""How long a replica takes from asked for to ready, from the starts that were seen. PURE."""

from collections.abc import Sequence

import numpy as np

from scaler.observation import Lead

KEPT_STARTS = 50
"""Only the latest starts count: images, nodes and models change."""
ENOUGH_STARTS = 5
"""With fewer, one lucky start would pass for a 95 % quantile; the prior stays unless a start took longer."""


QUICK_QUANTILE = 0.25


def quick_lead_s(starts_s: Sequence[float]) -> float | None:
    """The time that three of four starts took at least; None until there are enough.

    Routers refuse by it what the next replica would come too late for: an unmeasured prior, or the p95, would have them
    refuse what can be saved.
    """
    latest = list(starts_s)[-KEPT_STARTS:]
    return float(np.quantile(latest, QUICK_QUANTILE, method="lower")) if len(latest) >= ENOUGH_STARTS else None


def pool_lead(starts_s: Sequence[float], prior_s: float) -> Lead:
    """The p95 of the latest starts (never interpolated below a real one); the prior until there are enough."""
    latest = list(starts_s)[-KEPT_STARTS:]
    if len(latest) >= ENOUGH_STARTS:
        return Lead(float(np.quantile(latest, 0.95, method="higher")), f"measured ({len(latest)} starts)")
    longest = max(latest, default=0.0)
    if longest > prior_s:
        return Lead(longest, f"longest of {len(latest)} starts, over the prior of {prior_s:g} s")
    return Lead(prior_s, f"prior ({len(latest)} of {ENOUGH_STARTS} starts measured)")
