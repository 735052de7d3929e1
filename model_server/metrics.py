"""Prometheus metrics, read from the models' figures when they are scraped: a request pays nothing for them.

The `nv_inference_*` names are Triton's (docs/user_guide/metrics.md there), so that its dashboards work.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from model_server.models import Models
from model_server.statistics import Statistics
from tidegate.shared.values import DURATION_BOUNDS_S

LABELS = ("model", "version")


class ModelServerMetrics(Collector):
    """Collects the metrics of one model server. `startup_s` is filled as the phases of the start end."""

    def __init__(self, models: Models, startup_s: Mapping[str, float]) -> None:
        self._models = models
        self._startup_s = startup_s

    def describe(self) -> list[Metric]:
        """Nothing in advance: the registry then does not collect at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics now."""
        yield from self._own_gauges()
        figures = [((name, str(version)), each) for (name, version), each in sorted(self._models.statistics().items())]
        yield from _own_counters(figures)
        yield from _triton_counters(figures)

    def _own_gauges(self) -> Iterator[Metric]:
        startup = GaugeMetricFamily("tidegate_startup_seconds", "Seconds of each start-up phase.", labels=("phase",))
        for phase, seconds in self._startup_s.items():
            startup.add_metric((phase,), seconds)
        ready = GaugeMetricFamily("tidegate_model_ready", "Whether the version answers requests.", labels=LABELS)
        for name, version, entry in self._models.index():
            ready.add_metric((name, str(version)), float(entry.servable is not None))
        queued = GaugeMetricFamily("tidegate_model_queued_rows", "Rows waiting for a batch.", labels=LABELS)
        busy = GaugeMetricFamily("tidegate_model_busy_ratio", "Share of instances busy lately, 0 to 1.", labels=LABELS)
        capacity = GaugeMetricFamily(
            "tidegate_model_capacity_rows_per_second", "Measured rows/s at full batches.", labels=LABELS
        )
        for servable in self._models.servables():
            labels = (servable.name, str(servable.version))
            queued.add_metric(labels, servable.batcher.queued_rows)
            busy.add_metric(labels, servable.batcher.busy_share())
            rows_per_s = servable.capacity.rows_per_s()
            if rows_per_s is not None:
                capacity.add_metric(labels, rows_per_s)
        yield from (startup, ready, queued, busy, capacity)


Figures = list[tuple[tuple[str, str], Statistics]]


def _own_counters(figures: Figures) -> Iterator[Metric]:
    outstanding = GaugeMetricFamily("tidegate_model_outstanding_requests", "Requests in the server.", labels=LABELS)
    duration = HistogramMetricFamily(
        "tidegate_model_request_duration_seconds", "Seconds in the server of answered requests.", labels=LABELS
    )
    rows = HistogramMetricFamily("tidegate_model_batch_rows", "Rows of the batches that ran.", labels=LABELS)
    for labels, each in figures:
        outstanding.add_metric(labels, each.outstanding)
        bounds = [*(str(bound) for bound in DURATION_BOUNDS_S), "+Inf"]
        duration.add_metric(
            labels, list(zip(bounds, accumulate(each.durations), strict=True)), sum_value=each.success.seconds
        )
        rows.add_metric(labels, _row_buckets(each), sum_value=each.rows)
    yield from (outstanding, duration, rows)


def _row_buckets(each: Statistics) -> list[tuple[str, float]]:
    batches = dict(each.batches)
    bounds = [2**power for power in range(max(batches, default=1).bit_length() + 1)]
    buckets = [(str(bound), float(sum(t.count for rows, t in batches.items() if rows <= bound))) for bound in bounds]
    return [*buckets, ("+Inf", float(sum(total.count for total in batches.values())))]


def _triton_counters(figures: Figures) -> Iterator[Metric]:
    def counter(name: str, documentation: str, value: Callable[[Statistics], float]) -> Metric:
        # Not "counter": the exposition would then call the family name_total, and Triton's names have no such ending.
        family = Metric(name, documentation, "unknown")
        for labels, each in figures:
            family.add_sample(name, dict(zip(LABELS, labels, strict=True)), value(each))
        return family

    yield counter("nv_inference_request_success", "Requests answered.", lambda each: each.success.count)
    yield counter("nv_inference_request_failure", "Requests that failed.", lambda each: each.fail.count)
    yield counter("nv_inference_count", "Rows inferred.", lambda each: each.rows)
    yield counter("nv_inference_exec_count", "Batches run.", lambda each: each.batch_count)
    yield counter(
        "nv_inference_request_duration_us",
        "Cumulative request time, answered ones.",
        lambda each: each.success.seconds * 1e6,
    )
    yield counter("nv_inference_queue_duration_us", "Cumulative queue time.", lambda each: each.queue.seconds * 1e6)
    yield counter(
        "nv_inference_compute_infer_duration_us", "Cumulative inference time.", lambda each: each.infer.seconds * 1e6
    )
