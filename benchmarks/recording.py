"""Where results are kept."""

import json
from pathlib import Path

from tidegate.shared.machine import describe

FOLDER = Path(__file__).parent / "results"


def record(name: str, result: dict[str, object]) -> Path:
    """Write a result as JSON under benchmarks/results, with the machine named."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({"machine": describe(), **result}, indent=2) + "\n")
    return path
