"""What the machine has: CPUs by quota, GPUs by request."""

import os
from pathlib import Path

import pytest

from model_server.cpus import threads_each, usable_cpus
from model_server.devices import Device, resolve
from tidegate.shared.errors import InvalidSetting


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({}, 8),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000"}, 8),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000"}, 2),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "50000 100000"}, 1),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000",
                "sys/fs/cgroup/a/cpu.max": "300000 100000",
            },
            3,
        ),
        ({"proc/self/cgroup": "0::/host/path\n", "sys/fs/cgroup/cpu.max": "200000 100000"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "9900000 100000"}, 8),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/pod\n3:memory:/pod\n",
                "sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us": "250000",
                "sys/fs/cgroup/cpu/pod/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            3,
        ),
    ],
)
def test_cpus_follow_affinity_and_the_tightest_quota_above(tmp_path: Path, files: dict[str, str], cpus: int) -> None:
    assert usable_cpus(write(tmp_path, files)) == cpus


def test_instances_share_the_threads_and_each_has_one() -> None:
    assert [threads_each(8, instances) for instances in (1, 3, 16)] == [8, 2, 1]


@pytest.mark.parametrize(
    ("name", "gpus", "device"),
    [
        ("cpu", 4, Device("cpu")),
        ("auto", 0, Device("cpu")),
        ("auto", 2, Device("cuda", 0, required=False)),
        ("cuda", 1, Device("cuda", 0)),
        ("cuda:3", 4, Device("cuda", 3)),
    ],
)
def test_a_device_is_what_was_asked_for_and_is_there(name: str, gpus: int, device: Device) -> None:
    assert resolve(name, gpus) == device


@pytest.mark.parametrize(("name", "gpus"), [("cuda", 0), ("cuda:2", 2)])
def test_a_gpu_that_is_not_there_is_an_error(name: str, gpus: int) -> None:
    with pytest.raises(InvalidSetting, match=f"'{name}'.*{gpus} usable"):
        resolve(name, gpus)
