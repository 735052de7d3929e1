"""Kubernetes' Horizontal Pod Autoscaler on utilisation, with its default behavior. PURE.

The algorithm and its sources are in `scaler/hpa.py`. The target is 80 % unless said otherwise: the API's own default
(HorizontalPodAutoscalerSpec v2, `metrics`: "If not set, the default metric will be set to 80% average CPU
utilization").
"""

from scaler import hpa
from tidegate.simulate.policies import Terms, View


class HpaPolicy:
    """Scales to `target` utilisation: served work over what the ready replicas can do, which can't pass 1."""

    def __init__(self, terms: Terms, target: float = 0.8) -> None:
        self._terms = terms
        self._spec = hpa.HpaSpec(target=target)
        self._memory = hpa.HpaMemory()

    def decide(self, view: View) -> int:
        """What the HPA asks for; what is there when it has no metric."""
        ratios = {}
        if view.ready:
            ratios["utilisation"] = view.served_rps / (view.ready * self._terms.capacity_rps) / self._spec.target
        answer, _, self._memory = hpa.decide(
            self._spec,
            self._memory,
            view.now_s,
            view.ready,
            view.starting,
            ratios,
            (self._terms.min_replicas, self._terms.max_replicas),
        )
        return view.asked if answer is None else answer
