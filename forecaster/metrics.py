"""Prometheus metrics of the forecaster, by model."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from forecaster.explanation import Explanation
from tidegate.shared.values import DURATION_BOUNDS_S


class Metrics:
    """What was observed and answered, what fits cost, and how good forecasts have been."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, help_: str, *labels: str) -> Gauge:
            return Gauge(f"tidegate_forecaster_{name}", help_, ("model", *labels), registry=registry)

        self.observed = Counter(
            "tidegate_forecaster_observed_values", "Values taken in.", ("model", "source"), registry=registry
        )
        self.forecast_seconds = Histogram(
            "tidegate_forecaster_forecast_seconds",
            "Time to answer a forecast.",
            buckets=DURATION_BOUNDS_S,
            registry=registry,
        )
        self.fit_seconds = Histogram(
            "tidegate_forecaster_fit_seconds",
            "Time of one fit.",
            ("speed",),
            buckets=DURATION_BOUNDS_S,
            registry=registry,
        )
        self.fit_failures = Counter(
            "tidegate_forecaster_fit_failures", "Fits that failed as a whole.", ("model",), registry=registry
        )
        self.following = Gauge(
            "tidegate_forecaster_router_followed", "1 while a router's demand arrives.", ("router",), registry=registry
        )
        self._weight = gauge("member_weight", "Weight of each member, mean over horizons.", "member")
        self._failed = gauge("member_failed", "1 where a member takes no part because it failed.", "member")
        self._skill = gauge("skill", "1 - loss / loss of the reference, over past origins.", "reference")
        self._coverage = gauge("coverage_95", "Realised share under the nominal 95 % quantile.")

    def fitted(self, explanation: Explanation) -> None:
        """Take in how the members of a new fit stand."""
        model, skill = explanation.model, explanation.skill
        for member in explanation.members:
            self._weight.labels(model, member.name).set(member.weight)
            self._failed.labels(model, member.name).set(1.0 if member.failure else 0.0)
        if skill.origins:
            self._skill.labels(model, "seasonal-naive").set(skill.vs_seasonal_naive)
            self._skill.labels(model, "last-value").set(skill.vs_last_value)
            self._coverage.labels(model).set(skill.coverage_95)
