"""`python leash.py PARENT_PID COMMAND…`: become COMMAND, and get SIGTERM when the parent is gone, even by kill -9.

Run as a program of its own by `child_processes.leashed`. The kernel keeps the wish (prctl PR_SET_PDEATHSIG) across
exec, so a parent with threads needs no Python code between fork and exec (`preexec_fn` may deadlock there). Linux only;
elsewhere COMMAND just runs. Imports nothing of ours, to cost no more than an interpreter's start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Ask for the signal, check that the parent didn't end meanwhile, become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    die_with_parent()
    if os.getppid() != parent:
        sys.exit(0)
    os.execvp(command[0], command)  # noqa: S606 - the command is the caller's own, no shell is wanted


if __name__ == "__main__":
    main()
