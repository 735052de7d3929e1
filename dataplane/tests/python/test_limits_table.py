"""The README's tables of limits say what the code does, and name tests that exist."""

import re
from pathlib import Path

import dataplane as dp

README = Path(__file__).parents[2] / "README.md"
UNITS = {"": 1, "s": 1, "KiB": 1 << 10, "MiB": 1 << 20}
NAME, DEFAULT = r"`(?P<name>[A-Za-z_.]+)`\*?", r"(?P<number>[0-9.]+) ?(?P<unit>s|KiB|MiB|)"
ROW = re.compile(rf"^\| {NAME} \| {DEFAULT} ?(?:\((?P<other>.*)\) )?\|", re.M)


def fields(settings: object) -> set[str]:
    return {name for name in dir(settings) if not name.startswith("_")}


def test_every_limit_of_a_connection_is_there_with_its_default():
    limits, upstream = dp.Limits(), dp.default_upstream_limits()
    said = {}
    for row in ROW.finditer(README.read_text()):
        name = row["name"]
        if not hasattr(limits, name):
            continue
        said[name] = getattr(limits, name)
        assert said[name] == float(row["number"]) * UNITS[row["unit"]], name
        other = re.search(r"[0-9]+", row["other"] or "")
        if other:
            assert getattr(upstream, name) == float(other[0]) * UNITS[row["unit"]], name
        elif row["other"] is None:
            assert getattr(upstream, name) == said[name], name
    assert set(said) == fields(limits)


def test_the_times_are_there_with_their_defaults():
    times = dp.Times()
    said = {row["name"]: float(row["number"]) for row in ROW.finditer(README.read_text())}
    for name in fields(times):
        assert said[f"Times.{name}"] == getattr(times, name), name


def test_the_tests_that_it_names_exist():
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", README.read_text()))
    assert len(named) > 20
    assert {name for name in named if f"def {name}(" not in sources} == set()
    files = set(re.findall(r"\b(\w+_test\.cc)\b", README.read_text()))
    assert all((README.parent / "tests" / name).exists() for name in files), files
