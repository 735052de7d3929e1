import numpy as np
import pytest

from tidegate.client.results import OK, LoadResult
from tidegate.demo.records import PolicyRun, Prediction, Sample
from tidegate.demo.report import policy_report, ready_ahead_s, replica_seconds, verdict
from tidegate.demo.scenario import Peak, Scenario


def sample(at_s: float, asked: int, ready: int | None = None) -> Sample:
    return Sample(at_s, asked, asked if ready is None else ready, outstanding=0, mode="full")


def run_of(latency: list[float], status: list[str]) -> PolicyRun:
    scenario = Scenario("test", 60.0, np.zeros(0), np.full(10, 2.0), (Peak(5.0, 2.0, 80.0),))
    load = LoadResult(np.arange(len(latency)) * 1.0, np.array(latency), np.array(status, dtype=object), 10.0)
    right = np.array([one == OK for one in status])
    right[0] = False  # the model itself misreads this one
    return PolicyRun(
        "hpa", scenario, load, right, np.zeros(10), (sample(0.0, 1), sample(4.0, 2)), (Prediction(0, 5, (1, 2, 3)),)
    )


def test_the_report_counts_every_request() -> None:
    report = policy_report(run_of([0.1, 0.2, 0.9, 0.1, np.nan], [OK, OK, OK, "WRONG_ANSWER", ""]))
    assert report == {
        "requests": 5,
        "failed": 2,
        "accuracy": 0.4,
        "within_slo": 0.4,
        "p50_s": 0.2,
        "p99_s": 0.9,
        "max_s": 0.9,
        "replica_seconds": 16.0,
        "spikes": [{"at": 5.0, "ready_ahead_s": 1.0}],
    }


def test_replicas_cost_from_asked_to_dropped_within_the_live_part() -> None:
    samples = [sample(-5, 1), sample(0, 1), sample(10, 3, ready=1), sample(12, 3, ready=2), sample(30, 9)]
    assert replica_seconds(samples, until_s=15.0) == 10 * 1 + 5 * 3
    assert replica_seconds([], until_s=15.0) == 0


@pytest.mark.parametrize(
    ("ready", "ahead_s"),
    [
        ([(0, 1), (12, 3), (20, 3), (25, 3)], 8.0),
        ([(0, 1), (12, 3), (15, 2), (18, 3), (25, 1)], 2.0),  # a gap: only the last stretch counts
        ([(0, 1), (23, 3)], -3.0),
        ([(0, 1), (30, 3)], None),  # after the peak is over
        ([], None),
    ],
)
def test_how_long_before_the_spike_its_replicas_were_ready(
    ready: list[tuple[float, int]], ahead_s: float | None
) -> None:
    assert ready_ahead_s(Peak(20.0, 6.0, rate_rps=100.0), ready) == ahead_s  # 100 rows/s: three replicas of 40


def entry(within_slo: float, cost: float, failed: int = 0) -> dict[str, float]:
    return {"within_slo": within_slo, "replica_seconds": cost, "failed": failed}


@pytest.mark.parametrize(
    ("hpa", "predictive", "recorded", "good", "said"),
    [
        (entry(0.8, 100), entry(0.95, 110), False, True, "predictive beats hpa"),
        (entry(0.8, 100), entry(0.95, 130), False, False, "did not beat"),
        (entry(0.8, 100), entry(0.8, 100), False, False, "did not beat"),
        (entry(0.8, 100), entry(0.8, 100), True, True, "ties with"),
        (entry(0.9, 100), entry(0.8, 100), True, True, "loses to"),
        (entry(0.8, 100), entry(0.95, 130), True, True, "serves better, and costs more, than"),
        (entry(0.8, 100), entry(0.95, 110, failed=2), True, False, "2 under predictive"),
        (entry(0.8, 0), entry(0.95, 0), False, False, "did not beat"),
    ],
)
def test_the_verdict(
    hpa: dict[str, float], predictive: dict[str, float], recorded: bool, good: bool, said: str
) -> None:
    was_good, sentence = verdict({"hpa": hpa, "predictive": predictive}, recorded)
    assert was_good is good
    assert said in sentence
