"""Prometheus metrics of the router. Counts are read from the core when they are scraped, not kept twice."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.core import Core
from tidegate.shared.values import DURATION_BOUNDS_S, BackendStatus

_SECONDS = (*DURATION_BOUNDS_S, 30.0, 60.0)
"""A request may be held for `hold_s`, a minute unless set otherwise."""


class RequestTimes:
    """How long unary inferences take, from arrival to answer: waiting and backend included."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._histogram = Histogram(
            "tidegate_router_request_seconds",
            "Time from arrival to answer, waiting and backend included",
            ["model"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._of_label: dict[str, Histogram] = {}

    def observe(self, label: str, seconds: float) -> None:
        """Count one request under a label of ModelNames."""
        child = self._of_label.get(label)
        if child is None:
            child = self._of_label[label] = self._histogram.labels(label)
        child.observe(seconds)


class CoreCollector(Collector):
    """The core's counts as metrics."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        """All metrics, as they are now."""
        yield from self._requests()
        yield from self._backends()

    def _requests(self) -> Iterator[Metric]:
        core = self._core
        arrived = CounterMetricFamily("tidegate_router_requests_arrived", "Offered inferences", labels=["model"])
        for model, count in tuple(core.tallies.arrived.items()):
            arrived.add_metric([model], count)
        yield arrived
        retried = CounterMetricFamily("tidegate_router_retries", "Sent to another replica", labels=["model"])
        for model, count in tuple(core.tallies.retried.items()):
            retried.add_metric([model], count)
        yield retried
        ended = CounterMetricFamily(
            "tidegate_router_requests", "Inferences by how they ended", labels=["model", "outcome"]
        )
        for (model, outcome), count in tuple(core.tallies.of_model.items()):
            ended.add_metric([model, outcome], count)
        yield ended
        held = GaugeMetricFamily("tidegate_router_held_requests", "Waiting for a ready replica", labels=["model"])
        for model, count in core.room.held().items():
            held.add_metric([model], count)
        yield held
        yield GaugeMetricFamily("tidegate_router_held_bytes", "Bytes of waiting requests", value=core.room.bytes)

    def _backends(self) -> Iterator[Metric]:
        core = self._core
        backends = core.table.snapshot.backends
        by_status = GaugeMetricFamily("tidegate_router_backends", "Backends by status", labels=["status"])
        for status in BackendStatus:
            by_status.add_metric([status], sum(backend.status is status for backend in backends))
        yield by_status
        outstanding = GaugeMetricFamily("tidegate_router_outstanding", "Requests in flight", labels=["backend"])
        answered = CounterMetricFamily("tidegate_router_answers", "Answers by backend", labels=["backend", "outcome"])
        for backend in backends:
            outstanding.add_metric([backend.address], core.leases.on_backend(backend.address))
        for (address, outcome), count in tuple(core.tallies.of_backend.items()):
            answered.add_metric([address, outcome], count)
        yield outstanding
        yield answered
