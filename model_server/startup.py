"""How long ago this process began."""

import os
import time
from pathlib import Path


def process_age_s() -> float:
    """Seconds since this process was started, as the Linux kernel counts; 0 where it does not say.

    /proc/self/stat has the start in clock ticks since boot as its 22nd field; the 2nd, the command's name, is in
    parentheses and may hold anything (man 5 proc).
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return 0.0
