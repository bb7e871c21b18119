"""The process of one trial of the local executor."""

import os
import signal
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

# What mmengine imports late is imported here: a fork server imports it once for all workers.
import matplotlib.backends.backend_agg
import matplotlib.pyplot  # noqa: F401

from pgf_plugin.bench.executors.job import Job
from pgf_plugin.interrupts import Interrupted, watched_signals
from pgf_plugin.work_dir import write_failure

_ROOM = 4000
"""Bytes that fit into a pipe that nobody reads yet, on every system."""


def work(job: Job, told: Connection) -> None:
    """Run a trial and end the process: 0 if its result is in its folder.

    Args:
        job: the trial.
        told: takes the message of what must stop the bench: a disk that takes no more.
    """
    _end_with_parent()
    try:
        with watched_signals():
            job.run()
    except Interrupted as interrupted:
        sys.exit(interrupted.exit_code)
    except OSError as error:  # of the work dir; what is wrong with a trial is in its result
        what = str(error) if write_failure(error) is None else f"{job.trial['folder']}: {error}"
        told.send_bytes(what.encode()[:_ROOM])
        sys.exit(1)


def end_group(pid: int | None) -> None:
    """End what a worker has left: the workers of its data loaders hold its folder."""
    if pid is None or os.name == "nt":
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _end_with_parent() -> None:
    """Have a group of processes of its own, and end it once the process that started it is gone.

    A Ctrl-C in the terminal then reaches the parent alone, which asks its workers to end.
    """
    parent = parent_process()
    if os.name != "nt":
        os.setpgid(0, 0)
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        if os.name != "nt":
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="pgf-parent").start()
