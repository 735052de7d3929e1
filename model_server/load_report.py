"""The load report that goes with every answer (ORCA, gRFC A51): what it cost, and how loaded this replica is."""

from collections.abc import Iterable

from model_server.servable import Servable
from protos.orca_pb2 import OrcaLoadReport
from tidegate.shared.load_reports import APPLICATION_KEY, STANDARD_KEY


def load_report(
    servable: Servable | None, all_servables: Iterable[Servable], cost_rows: float, outstanding: int
) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata with the report. Without a servable (unknown model) it says only how loaded the replica is.

    `cost_rows` is the request's rows; 0 when it was refused before they were known, and then no cost is reported.
    """
    busy, queued_s = 0.0, 0.0
    for each in all_servables:
        busy = max(busy, each.batcher.busy_share())
        queued_s += each.batcher.queued_work_s()
    report = OrcaLoadReport(
        utilization={"executor": busy},
        # A second of waiting work counts as much as a fully busy executor: above 1 exactly when work queues.
        application_utilization=busy + queued_s,
        named_metrics={"outstanding": outstanding},
    )
    if cost_rows > 0:
        report.request_cost["rows"] = cost_rows
    rows_per_s = servable.capacity.rows_per_s() if servable else None
    if rows_per_s is not None:
        report.named_metrics["capacity_rows_per_s"] = rows_per_s
    encoded = report.SerializeToString()
    return ((STANDARD_KEY, encoded), (APPLICATION_KEY, encoded))
