"""What replicas report, and the cost of a request."""

import pytest

from router.load_reports import COST_MEMORY, LoadReports

A, B = "10.0.0.1:1", "10.0.0.2:1"


def report(reports: LoadReports, rows: float | None, backend: str = A, capacity: float | None = None) -> None:
    reports.observe(backend, "digits", rows=rows, utilization=0.5, capacity_rows_per_s=capacity)


def test_nothing_reported_is_idle_and_one_row_a_request():
    reports = LoadReports()
    assert reports.cost_rows("digits") == 1
    assert reports.of(A).utilization == 0
    assert reports.of(A).capacity_rows_per_s == {}


def test_the_first_costs_are_averaged_evenly():
    reports = LoadReports()
    for rows in (2, 4, 6):
        report(reports, rows)
    assert reports.cost_rows("digits") == pytest.approx(4)


def test_the_cost_follows_a_change():
    reports = LoadReports()
    for _ in range(1000):
        report(reports, 1)
    for _ in range(5 * COST_MEMORY):
        report(reports, 9)
    assert reports.cost_rows("digits") == pytest.approx(9, rel=0.01)


def test_a_report_without_a_figure_leaves_the_last_word_standing():
    reports = LoadReports()
    report(reports, 3, capacity=40.0)
    report(reports, None, capacity=None)
    assert reports.of(A).capacity_rows_per_s == {"digits": 40.0}
    assert reports.cost_rows("digits") == 3


def test_a_backend_that_is_gone_is_forgotten_but_not_the_models_cost():
    reports = LoadReports()
    report(reports, 3, A, 40.0)
    report(reports, 3, B, 50.0)
    reports.keep_only(frozenset({B}))
    assert reports.of(A).capacity_rows_per_s == {}
    assert reports.of(B).capacity_rows_per_s == {"digits": 50.0}
    assert reports.cost_rows("digits") == 3
