"""How many CPUs this process may really use.

`os.cpu_count()` is the machine's number; in a container with a quota of two CPUs on a host of 64, a runtime that
starts 64 threads is throttled most of the time.
"""

import math
import os
from pathlib import Path


def usable_cpus(root: Path = Path("/")) -> int:
    """CPUs by affinity and by the cgroup's quota (v2 or v1), whichever is less, rounded up; at least 1.

    `root` is where /proc and /sys are mounted.
    """
    quotas = [quota for quota in (_quota_v2(root), _quota_v1(root)) if quota is not None]
    return max(1, min([_affinity(), *(math.ceil(quota) for quota in quotas)]))


def threads_each(total: int, instances: int) -> int:
    """Threads of each of a model's instances, when they share `total`."""
    return max(1, total // instances)


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota_v2(root: Path) -> float | None:
    """Least `cpu.max` of the process's cgroup and those above it (a quota binds everything below it)."""
    quotas = []
    for folder in _upwards(root / "sys/fs/cgroup", _group(root, "")):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def _quota_v1(root: Path) -> float | None:
    quotas = []
    for folder in _upwards(root / "sys/fs/cgroup/cpu", _group(root, "cpu")):
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period) > 0:  # -1: no quota
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def _group(root: Path, controller: str) -> str:
    """The process's cgroup below its mount: /proc/self/cgroup has lines `id:controllers:path` (v2: no controllers)."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return "/"


def _upwards(mount: Path, group: str) -> list[Path]:
    # Inside a container the path may be the host's, which is not visible here: then only the mount's own files count.
    folder = mount / group.strip("/")
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(mount))]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
