"""Autoscaling policies judged: every shared trace, start-up and policy in the simulated world, and their frontiers.

`python -m benchmarks policies` takes hours (three seeds, sweeps); `--quick` is one seed over one day without sweeps,
`--only` and `--startup-s` take parts. Each part is recorded on its own: a later run replaces what it measures again.
"""

from benchmarks.policies.measure import main

__all__ = ["main"]
