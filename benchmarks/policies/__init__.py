"""Autoscaling policies judged: every shared trace, start-up and policy in the simulated world, and their frontiers.

`python -m benchmarks policies` takes hours of CPU (five days, three seeds, sweeps), on every core that there is, and
may be cut off at any time: what was measured is kept by content in ~/.cache/tidegate/policies, and the next call goes
on from there. `--quick` is one seed over one day without sweeps; `--only`, `--startup-s`, `--days` and `--seeds` take
parts. Each part is recorded and drawn on its own, and the targets are judged on all that is recorded.
"""

from benchmarks.policies.matrix import main

__all__ = ["main"]
