"""Trials as tasks of a Ray cluster, on any of its nodes."""

import logging
import math
import os
import signal
import socket
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from pgf_plugin.arguments import checked_arguments, optional
from pgf_plugin.bench.executors.base import (
    Executor,
    ended_result,
    forget_status,
    show_status,
)
from pgf_plugin.bench.executors.job import Job
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.progress import Progress
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.errors import (
    ConfigError,
    WorkDirError,
    check_positive,
    check_positive_int,
    check_text,
    require_extra,
)
from pgf_plugin.interrupts import SIGNALS, Interrupted, requested_signal, watched_signals

ADDRESS_VARIABLE = "RAY_ADDRESS"
SHARED_FILE = ".pgf_shared"
"""In the folder of a trial: what a node must see there to be believed to share the folder."""

_LOOK = 0.3
_GRACE = 60.0
_ANSWER = 20.0
"""Seconds in which a cluster must answer; a port nobody listens on is told at once."""


def check_amount(key: str, value: Any) -> float:
    """Return ``value`` if it is a number of CPUs or GPUs, 0 or more.

    Raises:
        ValueError: naming ``key`` and the value received.
    """
    return 0.0 if value == 0 and value is not False else check_positive(key, value)


class RayExecutor(Executor):
    """Runs trials as tasks of Ray, on an existing cluster or on one of this machine alone.

    Every node needs this package and the work dir at the same path, on a file system that all of
    them share. A trial whose node or process is lost goes on elsewhere from its newest checkpoint.

    Args:
        address: of a cluster, such as ``'10.0.0.1:6379'`` or ``'auto'``; None takes the
            environment variable ``RAY_ADDRESS``, and starts Ray on this machine where it is not
            set.
        workers: trials at once; None leaves that to what they take and the cluster has.
        num_cpus: CPUs that a trial takes, and its threads.
        num_gpus: GPUs that a trial takes, a part of one where several share it; None means 1 where
            the cluster has any.
        retries: how often a trial that was lost goes on.

    Raises:
        ValueError: for an argument that is none of these.
        MissingExtraError: if Ray is not installed.
    """

    @checked_arguments(
        address=optional(check_text),
        workers=optional(check_positive_int),
        num_cpus=check_amount,
        num_gpus=optional(check_amount),
        retries=lambda key, value: check_positive_int(key, value, at_least=0),
    )
    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        num_cpus: float = 1,
        num_gpus: float | None = None,
        retries: int = 3,
    ) -> None:
        # Before anything is asked of it: it would start processes that report home.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray = require_extra("ray", "ray")
        self.address = address or os.environ.get(ADDRESS_VARIABLE)
        self.workers = workers
        self.num_cpus = num_cpus
        self.num_gpus = num_gpus
        self.retries = retries

    def run(
        self, trials: Sequence[Trial], progress: Progress
    ) -> Iterator[tuple[Trial, TrialResult]]:
        """Run ``trials``, see :meth:`Executor.run`."""
        if not trials:
            return
        connected = self._connect()
        running: dict[Any, Trial] = {}
        try:
            task = self._task()
            left, most = deque(trials), self.workers or len(trials)
            while left or running:
                while left and len(running) < most:
                    trial = left.popleft()
                    progress.start(trial)
                    running[self._submit(task, trial)] = trial
                ended, _ = self._ray.wait(list(running), timeout=_LOOK)
                for trial in running.values():
                    show_status(trial, progress)
                for ref in ended:
                    trial = running.pop(ref)
                    yield trial, self._result(ref, trial)
        except KeyboardInterrupt as error:  # what Ray makes of any signal in the middle of a wait
            if isinstance(error, Interrupted) or (signum := requested_signal()) is None:
                raise
            raise Interrupted(signum) from error
        finally:
            self._end_all(list(running))
            if connected:
                self._ray.shutdown()

    def _connect(self) -> bool:
        """Connect to the cluster, or start one; False where this process is connected already."""
        if self._ray.is_initialized():
            return False
        if self.address not in (None, "auto", "local"):
            _check_answers(str(self.address))
        logging.getLogger("ray").setLevel(logging.ERROR)
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        quiet = {"log_to_driver": False, "configure_logging": False}
        try:
            if self.address in (None, "local"):
                # Not in a thread: what Ray starts here would end with it.
                self._ray.init(address=self.address, include_dashboard=False, **quiet)
            else:
                _within(_ANSWER, self._ray.init, address=self.address, **quiet)
        except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"bench.executor.address: no Ray cluster answers at {self.address!r} "
                f"({str(error).splitlines()[0]}): start one (ray start --head), correct the "
                "address, or leave it out to run on this machine"
            ) from error
        finally:
            for number, handler in handlers.items():  # Ray takes SIGTERM
                signal.signal(number, handler)
        return True

    def _task(self) -> Any:
        """The remote function of a trial, with what it takes.

        Raises:
            ConfigError: if no node has as much; such a task would wait for ever.
        """
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        gpus = self.num_gpus
        if gpus is None:
            gpus = 1 if any(node.get("GPU") for node in nodes) else 0
        wanted = {"CPU": self.num_cpus, "GPU": gpus}
        if not any(all(node.get(k, 0) >= v for k, v in wanted.items()) for node in nodes):
            raise ConfigError(
                f"bench.executor: no node of the Ray cluster has num_cpus={self.num_cpus} and "
                f"num_gpus={gpus}; they have "
                f"{[{k: n.get(k, 0) for k in wanted} for n in nodes]}: ask for less"
            )
        return self._ray.remote(run_job).options(
            num_cpus=self.num_cpus, num_gpus=gpus, max_retries=self.retries, name="pgf trial"
        )

    def _submit(self, task: Any, trial: Trial) -> Any:
        folder = trial.folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        forget_status(trial)
        token = uuid.uuid4().hex
        (folder / SHARED_FILE).write_text(token)
        job = Job.of(trial, threads=max(1, math.floor(self.num_cpus)))
        return task.remote(job, folder, token)

    def _result(self, ref: Any, trial: Trial) -> TrialResult:
        (trial.folder / SHARED_FILE).unlink(missing_ok=True)
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(ref)
        except exceptions.RayTaskError as error:
            raise error.cause from error
        except exceptions.RayError as error:  # its process or node was lost, more than once
            what = str(error).splitlines()[0]
            return ended_result(trial, f"lost {self.retries + 1} times: {what}")

    def _end_all(self, refs: list[Any]) -> None:
        """Ask what still runs to end where it can be gone on with, and wait."""
        for ref in refs:
            self._ray.cancel(ref)
        if refs:
            self._ray.wait(refs, num_returns=len(refs), timeout=_GRACE)


def run_job(job: Job, folder: Path, token: str) -> TrialResult:
    """Run a trial on a node.

    Raises:
        WorkDirError: if the node does not see the trial's folder, or its disk takes no more.
    """
    check_shared(folder, token)
    with watched_signals():
        return job.run()


def check_shared(folder: Path, token: str, patience: float = 5.0) -> None:
    """See that this node shares a folder with the one that made it.

    Args:
        folder: of a trial.
        token: what its :data:`SHARED_FILE` holds.
        patience: seconds in which a network file system may show it.

    Raises:
        WorkDirError: naming the node.
    """
    until = time.monotonic() + patience
    while True:
        try:
            if (folder / SHARED_FILE).read_text() == token:
                return
        except FileNotFoundError:
            pass
        if time.monotonic() > until:
            raise WorkDirError(
                f"work_dir: node {socket.gethostname()} does not share {folder} with the machine "
                "of the bench: give a folder on a file system that every node of the Ray cluster "
                "has at the same path (--work-dir DIR)"
            )
        time.sleep(0.2)


def _check_answers(address: str) -> None:
    """See that somebody listens at HOST:PORT.

    Raises:
        ConfigError: naming the address.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        raise ConfigError(
            f"bench.executor.address must be 'auto' or HOST:PORT, such as '10.0.0.1:6379', got "
            f"{address!r}"
        )
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise ConfigError(
            f"bench.executor.address: nothing answers at {address!r} ({error}): start a cluster "
            "(ray start --head), correct the address, or leave it out to run on this machine"
        ) from error


def _within(seconds: float, action: Any, **arguments: Any) -> None:
    """Run ``action``, and give it up after ``seconds``: Ray itself would wait for minutes.

    Raises:
        TimeoutError: if it was given up.
    """
    raised: list[BaseException] = []

    def attempt() -> None:
        try:
            action(**arguments)
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            raised.append(error)

    thread = Thread(target=attempt, daemon=True, name="pgf-ray")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    if raised:
        raise raised[0]
