"""`tidegate simulate` as a command."""

import csv
import json
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import TIDEGATE


def simulate(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*TIDEGATE, "simulate", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour at 16/s, then twenty minutes of it at 20/s: two replicas at 80 %, then at 100 %."""
    path = tmp_path_factory.mktemp("traces") / "hour.csv"
    rows = [f"{t},{16 if t < 4800 else 20}" for t in range(6000)]
    path.write_text("\n".join(["timestamp,value", *rows]) + "\n")
    return path


def test_an_hour_by_hand(hour: Path, tmp_path: Path) -> None:
    out, chart = tmp_path / "out.csv", tmp_path / "out.png"
    done = simulate(
        str(hour),
        "--evaluate-from",
        "2400",
        "--policy",
        "hpa",
        "--decisions",
        str(out),
        "--chart",
        str(chart),
        "--json",
    )
    report = json.loads(done.stdout)
    figures = report["policies"]["hpa"]
    assert figures["spikes"] == []
    assert figures["requests"] == 2400 * 16 + 1200 * 20
    # 80 % is the target: two replicas stay for 2400 s. 100 % asks for ceil(2 · 1.0 / 0.8) = 3 at the first decision
    # that sees it, at 2400 + 15 s; three are at 67 % then, and ceil(3 · 0.667 / 0.8) = 3. Nobody ever waits.
    assert figures["replica_seconds"] == 3600 * 2 + (1200 - 15)
    assert (figures["misses"], figures["p99_wait_s"], figures["changes"]) == (0, 0, 1)
    assert report["clairvoyant_replica_seconds"] == 3600 * 2
    rows = list(csv.reader(out.read_text().splitlines()))
    assert rows[0] == ["timestamp", "policy", "desired_replicas"]
    assert rows[1] == ["2400", "hpa", "2"]
    assert len(rows) == 1 + 3600 // 15
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_too_few_replicas_by_hand(hour: Path) -> None:
    """One replica does 10/s of 16/s: the queue grows by 6 a second, so from 0.83 s on everybody waits too long.

    It is 14 400 after 2 400 s, and 26 400 when the last comes, who waits 2 640 s; half of them have come by 1 950 s,
    and who came then waited 0.6 · 1950 = 1 170 s.
    """
    report = json.loads(simulate(str(hour), "--evaluate-from", "2400", "--policy", "constant=1", "--json").stdout)
    figures = report["policies"]["constant=1"]
    assert figures["requests"] == 62400
    assert figures["misses"] == pytest.approx(62400 - 16 * 0.833, abs=2)
    assert figures["p50_wait_s"] == pytest.approx(1170, abs=1)
    assert figures["max_wait_s"] == pytest.approx(2640, abs=1)
    assert figures["replica_seconds"] == 3600
    assert figures["cost_over_clairvoyant"] == 0.5


def test_a_sweep_compares_frontiers(hour: Path, tmp_path: Path) -> None:
    chart = tmp_path / "frontiers.png"
    arguments = (str(hour), "--evaluate-from", "4500", "--policy", "hpa,constant", "--sweep", "--chart", str(chart))
    report = json.loads(simulate(*arguments, "--json").stdout)
    assert chart.read_bytes().startswith(b"\x89PNG")
    points = report["frontiers"]["constant"]["points"]
    assert [point["number"] for point in points] == [2.0, 3.0]  # 20/s keep 2 fully busy, 3 at 80 %
    assert points[0] == {"number": 2.0, "miss_share": 0.0, "cost_over_clairvoyant": 1.0}
    assert report["frontiers"]["constant"]["cost_at"] == pytest.approx(
        {"0.001": 1.0, "0.003": 1.0, "0.01": 1.0}, abs=0.01
    )
    assert {"hpa", "hpa=0.9", "constant=2"} <= report["policies"].keys()
    assert "frontier" in simulate(*arguments).stdout


def test_any_simulated_decision_is_explained_with_what_the_others_asked_for(hour: Path, tmp_path: Path) -> None:
    """80 % of two is the HPA's target; the step to 20/s at 4800 s is seen at 4815 s, and three are asked for."""
    plans, out = tmp_path / "plans.jsonl", tmp_path / "out.csv"
    arguments = ("--policy", "predictive,hpa,constant=7", "--plans", str(plans), "--decisions", str(out))
    simulate(str(hour), "--evaluate-from", "4500", *arguments, "--json")
    decided = {(float(row[0]), row[1]): row[2] for row in list(csv.reader(out.read_text().splitlines()))[1:]}
    assert len(plans.read_text().splitlines()) == 1500 // 15
    for at in (4500.0, 4815.0, 5985.0):
        asked = [*TIDEGATE, "scale", "explain", "predictive", "--plans", str(plans), "--at", f"{at + 14:g}"]
        told = json.loads(subprocess.run([*asked, "--json"], capture_output=True, text=True, check=True).stdout)
        assert (told["at_s"], str(told["desired"])) == (at, decided[at, "predictive"])
        assert {term["name"] for term in told["terms"]} >= {"forecast", "reactive", "hpa"}
        assert {one["policy"]: str(one["desired"]) for one in told["rivals"]} == {
            "hpa": decided[at, "hpa"],
            "constant=7": "7",
        }
    shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert "predictive: " in shown
    assert "instead" in shown
    assert "7 ready, 0 starting, 0 requests waiting" in shown
    hpa = next(one for one in told["rivals"] if one["policy"] == "hpa")
    assert (hpa["desired"], hpa["ready"], hpa["starting"]) == (3, 3, 0)


@pytest.mark.parametrize(
    ("line", "arguments", "said"),
    [
        ('{"plan":{"pool":"p","at_s":60},"rivals":[]}', ("hpa",), "no plans of 'hpa'; it has: p"),
        ('{"plan":{"pool":"p","at_s":60},"rivals":[]}', ("p", "--at", "5"), "its first is of 60"),
        ('{"plan":{"pool":"p"}}', ("p",), "line 1 is no plan"),
    ],
)
def test_plans_that_are_not_there_are_told(tmp_path: Path, line: str, arguments: tuple[str, ...], said: str) -> None:
    plans = tmp_path / "plans.jsonl"
    plans.write_text(line + "\n")
    asked = [*TIDEGATE, "scale", "explain", *arguments, "--plans", str(plans)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_both_policies_twice_the_same_and_blind_to_the_future(hour: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.csv"
    cut.write_text("".join(hour.read_text().splitlines(keepends=True)[: 1 + 5100]))
    decisions = []
    for i, trace in enumerate((hour, hour, cut)):
        out = tmp_path / f"{i}.csv"
        simulate(str(trace), "--evaluate-from", "4500", "--startup-s", "60", "--decisions", str(out), "--json")
        decisions.append({(row[0], row[1]): row[2] for row in csv.reader(out.read_text().splitlines())})
    assert decisions[0] == decisions[1]
    assert len(decisions[2]) == 1 + 2 * 600 // 15
    assert decisions[2].items() <= decisions[0].items()


def test_times_keep_the_form_of_the_input(tmp_path: Path) -> None:
    trace, out = tmp_path / "iso.csv", tmp_path / "out.csv"
    trace.write_text("timestamp,value\n" + "".join(f"2026-03-01T00:{m:02d}:00Z,600\n" for m in range(30)))
    done = simulate(str(trace), "--evaluate-from", "2026-03-01T00:20:00Z", "--policy", "hpa", "--decisions", str(out))
    assert "hpa" in done.stdout
    assert out.read_text().splitlines()[1].startswith("2026-03-01T00:20:00Z,hpa,")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--policy", "magic"), "magic"),
        (("--policy", "hpa,hpa"), "twice"),
        (("--policy", "hpa=often"), "often"),
        (("--evaluate-from", "9000"), "9000"),
        (("--evaluate-from", "noon"), "noon"),
        (("--min-replicas", "9", "--max-replicas", "3"), "9"),
        (("--decisions", "/no/such/folder/out.csv"), "/no/such/folder"),
    ],
)
def test_bad_usage_is_refused_with_the_value(hour: Path, change: tuple[str, ...], said: str) -> None:
    done = simulate(str(hour), "--evaluate-from", "5900", "--policy", "hpa", *change, "--json", code=2)
    assert said in done.stderr
    assert done.stdout == ""
