import pytest

from model_server.statistics import BUSY_WINDOW_S, BusyMeter, Statistics


def test_a_batch_counts_its_rows_once_and_its_time_for_each_request() -> None:
    figures = Statistics()
    figures.batch_done([0.1, 0.3], rows=5, infer_s=0.2, now=1000.0)
    figures.batch_done([0.0], rows=5, infer_s=0.2, now=1001.0)
    assert (figures.rows, figures.batch_count) == (10, 2)
    assert figures.queue.seconds == pytest.approx(0.4)
    assert (figures.infer.count, figures.infer.seconds) == (3, pytest.approx(0.6))
    assert figures.batches[5].count == 2
    assert figures.last_inference_s == 1001.0


def test_durations_fall_into_the_bucket_whose_bound_they_do_not_exceed() -> None:
    figures = Statistics()
    for seconds in (0.001, 0.0011, 99.0):
        figures.request_done(seconds, succeeded=True)
    figures.request_done(0.5, succeeded=False)
    assert figures.durations[:2] == [1, 1]
    assert figures.durations[-1] == 1
    assert sum(figures.durations) == figures.success.count == 3
    assert figures.fail.count == 1


def test_the_busy_share_follows_the_work() -> None:
    meter = BusyMeter(2, now=0.0)
    assert meter.share(10.0) == 0.0
    meter.begin(10.0)
    assert meter.share(10.0 + 20 * BUSY_WINDOW_S) == pytest.approx(0.5)
    meter.begin(200.0)
    assert meter.share(200.0 + 20 * BUSY_WINDOW_S) == pytest.approx(1.0)
    meter.end(400.0)
    meter.end(400.0)
    assert meter.share(400.0 + BUSY_WINDOW_S) == pytest.approx(0.368, abs=0.001)  # 1/e of what it was
    assert meter.share(1000.0) == pytest.approx(0.0, abs=1e-6)


def test_half_the_time_busy_is_a_share_of_a_half() -> None:
    meter = BusyMeter(1, now=0.0)
    for step in range(1000):
        meter.begin(step * 0.1)
        meter.end(step * 0.1 + 0.05)
    assert meter.share(100.0) == pytest.approx(0.5, abs=0.02)
