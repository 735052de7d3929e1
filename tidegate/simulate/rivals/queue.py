"""Scaling out in proportion to the queue: the rule that teams write by hand first. PURE.

There is no document to follow, so here it is in full. When `threshold` requests or more wait, one replica is added
for each `threshold` of them (50 waiting: one; 120 waiting: three). When nobody has waited for a whole cooldown, one
replica is let go. After either, nothing happens for `COOLDOWN_S`, as with the cooldown of a simple scaling policy
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html).
"""

import math

from tidegate.simulate.policies import Terms, View

COOLDOWN_S = 150.0


class QueuePolicy:
    """Adds by the queue, lets go one by one."""

    def __init__(self, terms: Terms, threshold: float = 50.0) -> None:
        self._terms = terms
        self._threshold = threshold
        self._changed_at_s = -math.inf
        self._waited_at_s = -math.inf

    def decide(self, view: View) -> int:
        """What is there, until a cooldown is over."""
        if view.waiting.any():
            self._waited_at_s = view.now_s
        if view.now_s - self._changed_at_s < COOLDOWN_S:
            return view.asked
        wanted = view.asked
        if view.backlog >= self._threshold:
            wanted += math.ceil(view.backlog / self._threshold - 1e-9)
        elif view.now_s - self._waited_at_s >= COOLDOWN_S:
            wanted -= 1
        wanted = self._terms.bounded(wanted)
        if wanted != view.asked:
            self._changed_at_s = view.now_s
        return wanted
