"""How long a replica takes from asked for to ready, from the starts that were seen. PURE."""

from collections.abc import Sequence

import numpy as np

from scaler.observation import Lead

KEPT_STARTS = 50
"""Only the latest starts count: images, nodes and models change."""
ENOUGH_STARTS = 5
"""With fewer, one lucky start would pass for a 95 % quantile; the prior stays unless a start took longer."""


def pool_lead(starts_s: Sequence[float], prior_s: float) -> Lead:
    """The p95 of the latest starts (never interpolated below a real one); the prior until there are enough."""
    latest = list(starts_s)[-KEPT_STARTS:]
    if len(latest) >= ENOUGH_STARTS:
        return Lead(float(np.quantile(latest, 0.95, method="higher")), f"measured ({len(latest)} starts)")
    longest = max(latest, default=0.0)
    if longest > prior_s:
        return Lead(longest, f"longest of {len(latest)} starts, over the prior of {prior_s:g} s")
    return Lead(prior_s, f"prior ({len(latest)} of {ENOUGH_STARTS} starts measured)")
