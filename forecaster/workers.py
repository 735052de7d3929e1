"""Processes that fit, so that a fit never holds up an answer: one for the fast members, one for the slow."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tidegate.shared.child_processes import die_with_parent

NICENESS = 10


def new_worker() -> ProcessPoolExecutor:
    """One process, started when it is first needed; it ends with this one, by whatever signal that ends."""
    # The child takes its BLAS threads from the environment: one, so that a fit uses one core and no more.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # spawn: a fork of a process that runs gRPC's threads may hang.
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_set_up)


def _set_up() -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    os.nice(NICENESS)
