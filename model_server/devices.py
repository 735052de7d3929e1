"""Which device models run on: what was asked for, and what this machine really has."""

import ctypes
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from tidegate.shared.errors import InvalidSetting


def check_device(value: str) -> str:
    """auto, cpu, cuda or cuda:N. Raises ValueError."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,2})?", value):
        raise ValueError(f"{value!r} is not auto, cpu, cuda or cuda:N")
    return value


DeviceName = Annotated[str, AfterValidator(check_device)]


@dataclass(frozen=True, slots=True)
class Device:
    """A device to run on. `required`: the user asked for just this one, so falling back to the CPU is an error."""

    kind: str
    index: int = 0
    required: bool = True

    def __str__(self) -> str:
        return "cpu" if self.kind == "cpu" else f"cuda:{self.index}"


CPU = Device("cpu")


def resolve(name: str, gpus: int) -> Device:
    """The device for a setting on a machine with that many GPUs. Raises InvalidSetting for a GPU that is not there."""
    kind, _, number = name.partition(":")
    if kind == "cpu" or (kind == "auto" and gpus == 0):
        return CPU
    index = int(number or 0)
    if index >= gpus:
        raise InvalidSetting(f"device = {name!r}: this machine has {gpus} usable CUDA devices; use auto or cpu")
    return Device("cuda", index, required=kind == "cuda")


def count_gpus() -> int:
    """CUDA devices that the driver offers this process (CUDA_VISIBLE_DEVICES counts); 0 without a driver.

    The driver itself is asked, because a library that was built for CUDA tells nothing about the machine it is on.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
