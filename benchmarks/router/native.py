"""Our native programs that the benchmark needs, built with optimisation by the benchmark itself."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
PROGRAMS = ("proxy", "echo", "pick")


def build() -> Path:
    """The folder with `proxy` (the data plane without Python), `echo` (backends) and `pick`."""
    folder = BUILD / "benchmarks"
    subprocess.run(["cmake", "-S", ROOT / "dataplane", "-B", folder], check=True, stdout=sys.stderr)
    command = ["cmake", "--build", folder, "--target", *PROGRAMS, "-j2"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return folder
