"""Prometheus metrics of the forecaster, by model."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from forecaster.serving import Series
from tidegate.shared.values import DURATION_BOUNDS_S, QUANTILES


class Metrics:
    """What was observed and answered, what fits cost, what failed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help_: str, *labels: str) -> Counter:
            return Counter(f"tidegate_forecaster_{name}", help_, labels, registry=registry)

        def durations(name: str, help_: str, *labels: str) -> Histogram:
            return Histogram(f"tidegate_forecaster_{name}", help_, labels, buckets=DURATION_BOUNDS_S, registry=registry)

        self.observed = counter("observed_values", "Values taken in.", "model", "source")
        self.forecast_seconds = durations("forecast_seconds", "Time to answer a forecast.")
        self.fit_seconds = durations("fit_seconds", "Time of one fit in its process.", "speed")
        self.failures = counter("failures", "Fits and forecasts that failed as a whole.", "model", "what")
        self.member_failures = counter("member_failures", "Fits in which a member failed.", "model", "member")
        self.following = Gauge(
            "tidegate_forecaster_source_followed",
            "1 while demand arrives from this router, or Prometheus.",
            ("source",),
            registry=registry,
        )
        self.clock_ahead = Gauge(
            "tidegate_forecaster_source_clock_ahead_seconds",
            "A router's clock less ours; over 5 s either way its demand is counted at our time.",
            ("source",),
            registry=registry,
        )
        self.leading = Gauge(
            "tidegate_forecaster_leading", "1 where this forecaster writes, 0 where it only reads.", registry=registry
        )
        self._registry = registry

    def fitted(self, series: Series, speed: str, seconds: float) -> None:
        """Count a fit that has ended."""
        self.fit_seconds.labels(speed).observe(seconds)
        if series.settled is not None:
            for member in series.settled.failures:
                self.member_failures.labels(series.model, member).inc()

    def watch(self, known: Mapping[str, Series]) -> None:
        """Show how every series stands, computed when it is asked for."""
        self._registry.register(_Standing(known))


class _Standing(Collector):
    """Gauges of every fitted series. One whose last fit or forecast failed has no figures but `healthy` 0."""

    def __init__(self, known: Mapping[str, Series]) -> None:
        self._known = known

    def collect(self) -> Iterator[Metric]:
        """See Collector."""
        found = list(self._known.values())
        yield _family("healthy", "1 where the last fit and forecast succeeded.", (), _healthy(found))
        fitted = [one for one in found if one.settled is not None and not one.failure]
        yield _family("fitted_at_seconds", "Epoch seconds up to which the last fit learned.", (), _fitted_at(fitted))
        yield _family("last_fit_seconds", "Time of the last fit.", (), [((s.model,), s.fit_seconds) for s in fitted])
        yield _family("member_weight", "Weight of each member, mean over horizons.", ("member",), _weights(fitted))
        yield _family("skill", "1 - loss / loss of the reference, over past origins.", ("reference",), _skill(fitted))
        health = [(one.model, one.settled.health()) for one in fitted if one.settled is not None]
        coverage = [((model, f"{q:g}"), share) for model, one in health for q, share in one.coverage]
        yield _family("coverage", "Realised share under a nominal quantile.", ("quantile",), coverage)
        window = [((model, f"{q:g}"), share) for model, one in health for q, share in one.window_coverage]
        yield _family("window_coverage", "The same of the maximum over the horizon.", ("quantile",), window)
        pinball = [((model, f"{q:g}"), loss) for model, one in health for q, loss in one.pinball_rps]
        yield _family("pinball_loss_rps", "Mean pinball loss over past origins.", ("quantile",), pinball)
        yield _family(
            "width",
            "Factor by which the online correction widens a quantile's distance from the median, mean over horizons.",
            ("quantile",),
            _widths(fitted),
        )
        drift = [((model,), one.drift) for model, one in health]
        yield _family("drift", "Size of the latest errors over their usual size.", (), drift)


Sample = tuple[tuple[str, ...], float]


def _family(name: str, help_: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tidegate_forecaster_{name}", help_, labels=("model", *labels))
    for values, figure in samples:
        family.add_metric(values, figure)
    return family


def _healthy(found: Iterable[Series]) -> Iterator[Sample]:
    for one in found:
        if one.failure or one.settled is not None:
            yield (one.model,), 0.0 if one.failure else 1.0


def _fitted_at(fitted: Iterable[Series]) -> Iterator[Sample]:
    for one in fitted:
        if one.settled is not None:
            yield (one.model,), one.settled.fitted_at_s


def _weights(fitted: Iterable[Series]) -> Iterator[Sample]:
    for one in fitted:
        if one.settled is not None:
            weights = one.settled.calibration.weights
            means = weights.by_bucket.mean(axis=1)
            yield from (((one.model, name), float(w)) for name, w in zip(one.settled.members, means, strict=True))


def _widths(fitted: Iterable[Series]) -> Iterator[Sample]:
    for one in fitted:
        if one.settled is not None:
            calibration = one.settled.calibration
            factors = calibration.widths.at(QUANTILES, calibration.horizon).mean(axis=1)
            yield from (((one.model, f"{q:g}"), float(x)) for q, x in zip(QUANTILES, factors, strict=True))


def _skill(fitted: Iterable[Series]) -> Iterator[Sample]:
    for one in fitted:
        if one.settled is not None:
            skill = one.settled.calibration.record.skill(one.settled.calibration.horizon)
            if skill.origins:
                yield (one.model, "seasonal-naive"), skill.vs_seasonal_naive
                yield (one.model, "last-value"), skill.vs_last_value
