"""Several trials at once on this machine, each in a process of its own."""

import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from pgf_plugin.arguments import checked_arguments, one_of, optional
from pgf_plugin.bench.executors.base import (
    Executor,
    ended_result,
    forget_status,
    outcome,
    show_status,
)
from pgf_plugin.bench.executors.capacity import Slot, free_gpu_memory, slots
from pgf_plugin.bench.executors.job import Job
from pgf_plugin.bench.executors.worker import end_group, work
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.progress import Progress
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.errors import (
    ConfigError,
    WorkDirFailedError,
    check_positive,
    check_positive_int,
)
from pgf_plugin.interrupts import requested_signal

START_METHODS = ("forkserver", "spawn", "fork")
_LOOK = 0.2
"""Seconds between two looks at what the workers have written."""

_GRACE = 60.0
"""Seconds in which a worker that was asked to end may save what it has."""

_RETRIES = 1
"""How often a trial whose process was ended from outside goes on."""


def check_workers(key: str, value: Any) -> int | str:
    """Return ``value`` if it is a number of workers or ``'auto'``.

    Raises:
        ValueError: naming ``key`` and the value received.
    """
    if value == "auto":
        return "auto"
    try:
        return check_positive_int(key, value)
    except ValueError as error:
        raise ValueError(f"{key} must be an integer >= 1 or 'auto', got {value!r}") from error


@dataclass
class _Worker:
    trial: Trial
    slot: Slot
    process: BaseProcess
    told: Connection


class LocalExecutor(Executor):
    """Runs trials in processes on this machine, several at once.

    Each trial has a process of its own, which ends with it, so that nothing of one reaches
    another. A process that is ended from outside, as the kernel does where memory runs out, takes
    only its own trial with it, and that goes on once from its newest checkpoint. GPUs are shared in
    turn. The threads of a trial stand in its result, because its last digits hang on them: give
    ``threads`` to have the same numbers for any number of workers.

    Args:
        workers: trials at once; ``'auto'`` for as many as cores, memory and GPU memory have room
            for.
        threads: of each worker; None divides torch's threads among them.
        gpu_memory: GiB of a GPU that a trial takes, for ``workers='auto'``.
        start_method: of :mod:`multiprocessing`. ``'fork'`` begins at once, and is only for a
            process that has neither threads nor CUDA; None takes ``'forkserver'``, or ``'spawn'``
            where there is none.

    Raises:
        ValueError: for an argument that is none of these.
    """

    @checked_arguments(
        workers=check_workers,
        threads=optional(check_positive_int),
        gpu_memory=check_positive,
        start_method=optional(one_of(*START_METHODS)),
    )
    def __init__(
        self,
        workers: int | str = "auto",
        threads: int | None = None,
        gpu_memory: float = 4.0,
        start_method: str | None = None,
    ) -> None:
        self.workers = workers
        self.threads = threads
        self.gpu_memory = gpu_memory
        available = multiprocessing.get_all_start_methods()
        method = start_method or ("forkserver" if "forkserver" in available else "spawn")
        if method not in available:
            raise ConfigError(
                f"start_method must be one of {available} on this system, got {method!r}"
            )
        self._context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload([work.__module__])
        self._running: list[_Worker] = []

    def run(
        self, trials: Sequence[Trial], progress: Progress
    ) -> Iterator[tuple[Trial, TrialResult]]:
        """Run ``trials``, see :meth:`Executor.run`."""
        free = deque(
            slots(self.workers, self.threads, self.gpu_memory, len(trials), self._free_memory())
        )
        left, lost = deque(trials), dict[str, int]()
        try:
            while left or self._running:
                while left and free:
                    trial = left.popleft()
                    if str(trial.folder) not in lost:
                        progress.start(trial)
                    self._start(trial, free.popleft())
                for worker in self._ended(progress):
                    free.append(worker.slot)
                    result = self._result(worker, lost, progress)
                    if result is None:
                        left.appendleft(worker.trial)
                    else:
                        yield worker.trial, result
        finally:
            self._end_all(progress)

    def _free_memory(self) -> list[int]:
        if not torch.cuda.is_available():
            return []
        with self._context.Pool(1) as pool:
            return pool.apply(free_gpu_memory)

    def _start(self, trial: Trial, slot: Slot) -> None:
        trial.folder.mkdir(parents=True, exist_ok=True)
        forget_status(trial)
        told, sent = self._context.Pipe(duplex=False)
        job = Job.of(trial, slot.threads, slot.device)
        process = self._context.Process(target=work, args=(job, sent), name=trial.label)
        process.start()
        sent.close()  # the worker has it, and its end is seen only where nobody else does
        self._running.append(_Worker(trial, slot, process, told))

    def _ended(self, progress: Progress) -> list[_Worker]:
        """Wait a little, show how the trials get on, and take out those whose process has ended."""
        wait([worker.process.sentinel for worker in self._running], timeout=_LOOK)
        ended = [worker for worker in self._running if not worker.process.is_alive()]
        for worker in self._running:
            show_status(worker.trial, progress)
        self._running = [worker for worker in self._running if worker not in ended]
        return ended

    def _result(
        self, worker: _Worker, lost: dict[str, int], progress: Progress
    ) -> TrialResult | None:
        """What has come of a trial whose process has ended; None if it is to go on."""
        worker.process.join()
        end_group(worker.process.pid)
        if message := _message(worker.told):
            raise WorkDirFailedError(message)
        result = outcome(worker.trial, ended_well=worker.process.exitcode == 0)
        if result is not None:
            return result
        key, how = str(worker.trial.folder), _how(worker.process.exitcode)
        if lost.get(key, 0) >= _RETRIES:
            return ended_result(worker.trial, f"its process {how}, also when it went on once")
        lost[key] = lost.get(key, 0) + 1
        progress.tell(worker.trial, f"its process {how}; it goes on from its newest checkpoint")
        return None

    def _end_all(self, progress: Progress) -> None:
        """Ask the workers that still run to end where they can be gone on with, and wait."""
        signum = requested_signal() or signal.SIGTERM
        for worker in self._running:
            _send(worker.process, signum)
        until = time.monotonic() + _GRACE
        for worker in self._running:
            worker.process.join(max(0.0, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            end_group(worker.process.pid)
            worker.told.close()
        self._running = []


def _send(process: BaseProcess, signum: int) -> None:
    if sys.platform == "win32" or process.pid is None:  # there, a signal would end it at once
        process.terminate()
        return
    if process.is_alive():
        import os

        os.kill(process.pid, signum)


def _message(told: Connection) -> str | None:
    """What a worker has said must stop the bench, if anything."""
    try:
        with told:
            return told.recv_bytes().decode() if told.poll() else None
    except EOFError:
        return None


def _how(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with status {code} and left no result"
    if -code == signal.SIGKILL:
        return "was killed (SIGKILL, as the system does where memory runs out)"
    return f"was ended by {signal.Signals(-code).name}"
