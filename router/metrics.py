"""Prometheus metrics of the router. Counts are read from the data plane when they are scraped, not kept twice."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

import dataplane
from router.core import Core
from router.endpoints import Sightings
from tidegate.shared.values import BackendStatus


class CoreCollector(Collector):
    """What the data plane counts, and the core's backends, as metrics."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        """All metrics, as they are now."""
        counts = self._core.plane.counts()
        yield from self._requests(counts)
        yield self._times(counts)
        yield from self._backends(counts)
        yield from self._health()
        if self._core.sightings is not None:
            yield from _discovered(self._core.sightings)

    def _requests(self, counts: dataplane.Counts) -> Iterator[Metric]:
        arrived = CounterMetricFamily("tidegate_router_requests_arrived", "Offered inferences", labels=["model"])
        retried = CounterMetricFamily("tidegate_router_retries", "Sent to another replica", labels=["model"])
        ended = CounterMetricFamily(
            "tidegate_router_requests", "Inferences by how they ended", labels=["model", "outcome"]
        )
        held = GaugeMetricFamily("tidegate_router_held_requests", "Waiting for a ready replica", labels=["model"])
        for model, of_model in counts.models.items():
            arrived.add_metric([model], of_model.arrived)
            retried.add_metric([model], of_model.retried)
            held.add_metric([model], of_model.held)
            for outcome, count in of_model.ended.items():
                ended.add_metric([model, outcome], count)
        yield from (arrived, retried, ended, held)
        plane = self._core.plane
        yield GaugeMetricFamily("tidegate_router_held_bytes", "Bytes of waiting requests", value=plane.held_bytes)
        yield GaugeMetricFamily("tidegate_router_clients", "Connections of clients", value=counts.connections)
        yield GaugeMetricFamily(
            "tidegate_router_retry_tokens", "Budget of retries; none below half of it", value=plane.retry_tokens
        )

    def _times(self, counts: dataplane.Counts) -> Metric:
        times = HistogramMetricFamily(
            "tidegate_router_request_seconds",
            "Time from arrival to answer, waiting and backend included",
            labels=["model"],
        )
        bounds = [*map(str, dataplane.LATENCY_BOUNDS_S), "+Inf"]
        for model, of_model in counts.models.items():
            buckets = list(zip(bounds, accumulate(of_model.latency_counts), strict=True))
            times.add_metric([model], buckets, of_model.latency_sum_s)
        return times

    def _backends(self, counts: dataplane.Counts) -> Iterator[Metric]:
        backends = self._core.table.snapshot.backends
        by_status = GaugeMetricFamily("tidegate_router_backends", "Backends by status", labels=["status"])
        for status in BackendStatus:
            by_status.add_metric([status], sum(backend.status is status for backend in backends))
        answered = CounterMetricFamily("tidegate_router_answers", "Answers by backend", labels=["backend", "outcome"])
        connections = GaugeMetricFamily("tidegate_router_connections", "Open, by backend", labels=["backend"])
        for address, target in self._targets():
            if target in counts.backends:
                connections.add_metric([address], counts.backends[target].connections)
                for outcome, count in counts.backends[target].ended.items():
                    answered.add_metric([address, outcome], count)
        yield from (by_status, answered, connections)

    def _health(self) -> Iterator[Metric]:
        outstanding = GaugeMetricFamily("tidegate_router_outstanding", "Requests in flight", labels=["backend"])
        ejected = GaugeMetricFamily("tidegate_router_ejected", "1 while it gets nothing", labels=["backend"])
        ejections = CounterMetricFamily("tidegate_router_ejections", "Times a backend was ejected", labels=["backend"])
        success = GaugeMetricFamily(
            "tidegate_router_success_share", "Of a backend's recent answers", labels=["backend"]
        )
        weight = GaugeMetricFamily(
            "tidegate_router_weight", "Capacity to the fastest backend's, as reported", labels=["backend"]
        )
        states = {state.address: state for state in self._core.plane.backends()}
        for address, target in self._targets():
            state = states.get(target)
            outstanding.add_metric([address], state.outstanding if state else 0)
            ejected.add_metric([address], state.ejected if state else False)
            ejections.add_metric([address], self._core.ejections[target])
            success.add_metric([address], state.success if state else 1.0)
            weight.add_metric([address], self._core.weights.of(target))
        yield from (outstanding, ejected, ejections, success, weight)

    def _targets(self) -> Iterator[tuple[str, str]]:
        for backend in self._core.table.snapshot.backends:
            yield backend.address, self._core.targets.get(backend.address, "")


def _discovered(sightings: Sightings) -> Iterator[Metric]:
    found = GaugeMetricFamily(
        "tidegate_router_discovered_endpoints", "Replicas in the cluster's EndpointSlices", labels=["pool", "state"]
    )
    for (pool, state), count in sorted(sightings.counts().items()):
        found.add_metric([pool, state], count)
    yield found
    yield GaugeMetricFamily(
        "tidegate_router_ignored_endpoints", "Without a port of the wanted name, or too many", value=sightings.ignored
    )
    yield GaugeMetricFamily(
        "tidegate_router_discovery_heard_timestamp_seconds",
        "When the Kubernetes API last confirmed them; backends are frozen while it stands still",
        value=sightings.heard_at_s or 0.0,
    )
