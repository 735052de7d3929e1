"""Processes that fit, so that a fit never holds up an answer."""

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process

NICENESS = 10


def new_workers(most: int) -> ProcessPoolExecutor:
    """Up to so many processes, started as they are needed; they end with this one, by whatever signal that ends."""
    # The child takes its BLAS threads from the environment: one, so that a fit uses one core and no more.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # spawn: a fork of a process that runs gRPC's threads may hang.
    return ProcessPoolExecutor(most, mp_context=get_context("spawn"), initializer=_set_up)


def _set_up() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    os.nice(NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(0)  # in the middle of a fit, too: nobody is left to take it
