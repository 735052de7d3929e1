"""KEDA on the length of a queue, by its `aws-sqs-queue` scaler's defaults. PURE.

Sources: https://keda.sh/docs/latest/scalers/aws-sqs/ (`queueLength` 5 for each replica; messages in flight count as
those that wait do) and https://keda.sh/docs/latest/concepts/scaling-deployments/ (KEDA feeds the figure to an HPA as an
external metric with an `AverageValue`; the HPA's own defaults then decide. `cooldownPeriod` is about scaling to zero
alone, and `pollingInterval` about activation).
"""

from scaler import hpa
from tidegate.simulate.policies import Terms, View


class KedaQueuePolicy:
    """One replica for each `queue_length` requests that wait or are in hand."""

    def __init__(self, terms: Terms, queue_length: float = 5.0) -> None:
        self._terms = terms
        self._queue_length = queue_length
        self._spec = hpa.HpaSpec()
        self._memory = hpa.HpaMemory()

    def decide(self, view: View) -> int:
        """What the HPA makes of the queue's length now."""
        # An external metric's average is over all replicas, ready or not (GetExternalPerPodMetricReplicas).
        replicas = max(1, view.asked)
        length = float(view.in_flight[-1]) if len(view.in_flight) else 0.0
        answer, _, self._memory = hpa.decide(
            self._spec,
            self._memory,
            view.now_s,
            replicas,
            0,
            {"queue length": length / self._queue_length / replicas},
            (self._terms.min_replicas, self._terms.max_replicas),
        )
        return replicas if answer is None else answer
