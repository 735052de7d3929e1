"""What was measured before, kept by content: a matrix that is cut off, or repeated, does nothing twice.

A run is named by its arrivals, its terms, its policy and number, and the source of the modules that decide it: the
rivals' stay when our planner changes.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.policies import Terms

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tidegate" / "policies"
WORLD = tuple(
    f"tidegate.simulate.{name}"
    for name in (
        "clairvoyant",
        "policies",
        "replay",
        "report",
        "rivals",
        "sketch",
        "spikes",
        "waits",
        "world",
    )
)
OURS = (*WORLD, "forecaster", "scaler", "tidegate.simulate.batching", "tidegate.simulate.predictive")
DECIDES = {"predictive": OURS, "hourly": (*WORLD, "forecaster", "scaler.hpa", "scaler.hpa_behavior")}
"""Modules (with what is below them) that decide a policy's outcome; of the others, RIVALS."""
RIVALS = (*WORLD, "scaler.hpa", "scaler.hpa_behavior")


class Kept:
    """The runs of one load under one set of terms."""

    def __init__(self, arrived: Arrivals, from_s: float, terms: Terms, folder: Path = CACHE) -> None:
        self._folder = folder
        self._load = hashlib.sha256(arrived.counts.tobytes())
        self._load.update(json.dumps([arrived.start_s, from_s, asdict(terms)]).encode())

    def find(self, policy: str, number: float) -> dict[str, Any] | None:
        """What was kept; None when nothing was."""
        path = self._path(policy, number)
        return dict(json.loads(path.read_text())) if path.exists() else None

    def keep(self, policy: str, number: float, record: dict[str, Any]) -> None:
        """Keep it, whole or not at all."""
        path = self._path(policy, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(record))
        part.replace(path)

    def _path(self, policy: str, number: float) -> Path:
        name = self._load.copy()
        name.update(f"{policy} {number:.17g} {source(policy)}".encode())
        return self._folder / f"{policy}-{name.hexdigest()[:32]}.json"


def source(policy: str, modules: Callable[[], dict[str, Any]] = lambda: sys.modules) -> str:
    """Digest of the sources of the modules, of those that are imported, that decide a policy's outcome."""
    packages = DECIDES.get(policy, RIVALS)
    digest = hashlib.sha256()
    for name, module in sorted(modules().items()):
        if any(name == package or name.startswith(f"{package}.") for package in packages):
            digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()
