from types import SimpleNamespace
from typing import Any

import pytest

from model_server.load_report import load_report
from protos.orca_pb2 import OrcaLoadReport
from tidegate.shared.load_reports import APPLICATION_KEY, STANDARD_KEY


def servable(busy: float, queued_s: float, rows_per_s: float | None) -> Any:
    return SimpleNamespace(
        batcher=SimpleNamespace(busy_share=lambda: busy, queued_work_s=lambda: queued_s),
        capacity=SimpleNamespace(rows_per_s=lambda: rows_per_s),
    )


def test_it_says_what_the_request_cost_and_how_loaded_the_replica_is() -> None:
    ours, other = servable(0.25, 0.5, 120.0), servable(0.75, 0.25, 9.0)
    trailers = dict(load_report(ours, [ours, other], cost_rows=3, outstanding=7))
    report = OrcaLoadReport.FromString(trailers[STANDARD_KEY])
    assert trailers[APPLICATION_KEY] == trailers[STANDARD_KEY]
    assert dict(report.request_cost) == {"rows": 3}
    assert dict(report.named_metrics) == {"outstanding": 7, "capacity_rows_per_s": 120.0}
    assert dict(report.utilization) == {"executor": 0.75}
    assert report.application_utilization == pytest.approx(1.5)  # 0.75 busy, 0.75 s of work waiting


def test_what_is_not_known_is_left_out() -> None:
    report = OrcaLoadReport.FromString(dict(load_report(None, [], cost_rows=0, outstanding=1))[STANDARD_KEY])
    assert not report.request_cost
    assert dict(report.named_metrics) == {"outstanding": 1}
