"""The matrix of policies: what is kept, and the verdicts, worked by hand."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.policies import kept, measure, page, summary
from benchmarks.policies.cases import Case
from tests.support.views import TERMS
from tidegate.simulate.arrivals import Arrivals

LOAD = Arrivals(0.0, np.full(60, 5.0))


def figures(late: float, cost: float) -> dict[str, Any]:
    ahead = [{"ready_ahead_s": None}, {"ready_ahead_s": 60.0}, {"ready_ahead_s": 90.0}]
    return {
        "figures": {
            "miss_share": late,
            "cost_over_clairvoyant": cost,
            "p99_wait_s": 0.2,
            "replica_hours": 3.0,
            "turns_per_hour": 1.0,
            "spikes": ahead,
        }
    }


def part(ours: dict[str, tuple[float, float]], hpa: dict[str, tuple[float, float]]) -> dict[str, Any]:
    runs = {
        "predictive": {number: figures(*one) for number, one in ours.items()},
        "hpa": {number: figures(*one) for number, one in hpa.items()},
    }
    return summary.part([runs])


CHEAP = part({"2": (0.002, 1.1), "9": (0.0005, 1.2)}, {"0.8": (0.01, 1.5), "0.5": (0.001, 2.0)})
DEAR = part({"2": (0.002, 1.6), "9": (0.0005, 1.9)}, {"0.8": (0.002, 1.5), "0.5": (0.0, 1.8)})


def test_a_run_is_found_again_only_for_the_same_load_terms_and_number(tmp_path: Path) -> None:
    here = kept.Kept(LOAD, 30.0, TERMS, tmp_path)
    here.keep("hpa", 0.8, {"figures": 1})
    assert here.find("hpa", 0.8) == {"figures": 1}
    assert here.find("hpa", 0.7) is None
    assert here.find("kpa", 0.8) is None
    assert kept.Kept(Arrivals(0.0, np.full(60, 6.0)), 30.0, TERMS, tmp_path).find("hpa", 0.8) is None
    assert kept.Kept(LOAD, 31.0, TERMS, tmp_path).find("hpa", 0.8) is None


def test_a_rival_stays_when_our_planner_changes_and_ours_does_not(tmp_path: Path) -> None:
    files = {}
    for name in ("scaler.planner", "scaler.hpa", "forecaster.model", "tidegate.simulate.world"):
        (tmp_path / name).write_text("as it was")
        files[name] = SimpleNamespace(__file__=str(tmp_path / name))

    def sources() -> dict[str, str]:
        return {policy: kept.source(policy, lambda: files) for policy in ("predictive", "hourly", "hpa")}

    first = sources()
    (tmp_path / "scaler.planner").write_text("better")
    second = sources()
    assert [first[name] == second[name] for name in first] == [False, True, True]
    (tmp_path / "tidegate.simulate.world").write_text("another world")
    assert not set(second.values()) & set(sources().values())


def test_what_was_measured_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept.Kept.__init__, "__defaults__", (tmp_path,))
    monkeypatch.setattr(measure, "load", lambda *_: (Arrivals(0.0, np.full(900, 30.0)), 300.0))
    told: list[str] = []
    for _ in range(2):
        runs = measure.measure(Case("c"), 60.0, 0, 600.0, sweep=True, policies=("hpa", "kpa"), told=told.append)
    # Eight targets, of which 0.8 is the default, and Knative: each once.
    assert told == ["hpa, hpa=0.4, hpa=0.5, hpa=0.6, hpa=0.7, hpa=0.75, hpa=0.85, hpa=0.9", "kpa"]
    assert next(iter(runs["hpa"])) == "0.8"
    assert len(runs["hpa"]) == 8
    assert measure.sketch_of(runs["kpa"]["0.7"]).rate_rps[0] == 30.0
    json.dumps(summary.part([runs]))


def test_a_rival_that_is_cheaper_and_as_safe_is_told() -> None:
    assert CHEAP["cheaper_and_safer_than_ours"] == []
    assert DEAR["cheaper_and_safer_than_ours"] == ["hpa"]


def test_means_over_seeds_and_the_frontier() -> None:
    one, other = ({"hpa": {"0.8": figures(late, cost)}} for late, cost in ((0.01, 1.2), (0.03, 1.4)))
    row = summary.part([one, other])["policies"]["hpa"]
    assert (row["miss_share"], row["cost_over_clairvoyant"]) == (pytest.approx(0.02), pytest.approx(1.3))
    assert row["median_ready_ahead_s"] == 60.0
    assert CHEAP["frontiers"]["hpa"]["points"] == [[0.5, 0.001, 2.0], [0.8, 0.01, 1.5]]


def test_frontiers_are_compared_at_each_share() -> None:
    """Ours at 0.1 %: a third of the way from 0.05 to 0.2 %, 1.1667; the HPA needs 2.0."""
    ratios = CHEAP["cost_over_best_rival"]
    assert ratios["0.001"] == pytest.approx((1.2 - 0.1 / 3) / 2.0)
    assert ratios["0.01"] == pytest.approx(1.1 / 1.5)


def test_a_share_that_we_cannot_reach_is_a_miss_and_one_that_no_rival_can_is_not_compared() -> None:
    assert part({"2": (0.005, 1.1), "9": (0.004, 1.2)}, {"0.8": (0.0, 1.5), "0.5": (0.0, 2.0)})[
        "cost_over_best_rival"
    ] == {"0.001": None, "0.003": None, "0.01": pytest.approx(1.1 / 1.5)}
    safer = part({"2": (0.0, 1.1), "9": (0.0, 1.2)}, {"0.8": (0.005, 1.5), "0.5": (0.004, 2.0)})
    assert list(safer["cost_over_best_rival"]) == ["0.01"]


def test_verdicts_by_target() -> None:
    steep, anywhere = "steep: cost at most 0.8 x the best rival's, geometric mean", "any: cost at most 1.03 x"
    good = summary.verdicts({"spikes 120": CHEAP, "nyctaxi 120": CHEAP})
    assert [verdict["met"] for verdict in good.values()] == [True, True, True, True]
    bad = summary.verdicts({"spikes 120": CHEAP, "nyctaxi 120": DEAR})
    assert bad["no rival is cheaper and no less safe"]["where"] == {"nyctaxi 120": ["hpa"]}
    assert bad[steep]["met"]
    over = next(verdict["over"] for target, verdict in bad.items() if target.startswith(anywhere))
    assert {part: list(shares) for part, shares in over.items()} == {"nyctaxi 120": ["0.001", "0.003", "0.01"]}
    assert [verdict["met"] for verdict in bad.values()] == [False, True, False, False]
    assert {verdict["met"] for verdict in summary.verdicts({}).values()} == {None}


def test_the_page_has_each_part_and_stars_what_beats_us() -> None:
    written = page.page(
        {"nyctaxi 600": DEAR | {"evaluated_s": 432000.0}, "nyctaxi 120": CHEAP | {"evaluated_s": 1800.0}}
    )
    assert written.index("| nyctaxi, 120 s | 0.021, 1 | 0.20 @ 1.10 |") < written.index("| nyctaxi, 600 s | 5, 1 |")
    assert "0.20 @ 1.60 | 0.20 @ 1.50\\* |" in written
    assert "| nyctaxi, 120 s | 0.1% | 1.17 | 2.00 | - | 0.58 |" in written
