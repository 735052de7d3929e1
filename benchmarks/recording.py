"""Where results are kept."""

import json
from pathlib import Path
from typing import Any

from tidegate.shared.machine import describe

FOLDER = Path(__file__).parent / "results"


def record(name: str, result: dict[str, object]) -> Path:
    """Write a result as JSON under benchmarks/results, with the machine named."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({"machine": describe(), **result}, indent=2) + "\n")
    return path


def record_section(name: str, section: str, result: dict[str, object]) -> Path:
    """Write one section of a benchmark's result, with the machine named; its other sections stay as they are."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    sections = recorded(name)
    sections[section] = {"machine": describe(), **result}
    path.write_text(json.dumps(sections, indent=2) + "\n")
    return path


def recorded(name: str) -> dict[str, Any]:
    """What was recorded last; {} when nothing was."""
    path = FOLDER / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}
