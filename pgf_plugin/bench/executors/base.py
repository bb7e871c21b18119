"""Where the trials of a bench run: what every executor does."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial

from pgf_plugin.bench.corrupted import trained_before
from pgf_plugin.bench.execute import run_trial
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.progress import Progress
from pgf_plugin.bench.result import TrialResult, new_result
from pgf_plugin.bench.status import STATUS_FILE, StatusWriter, TrialStatus
from pgf_plugin.work_dir import held

PATIENCE = 30.0
"""Seconds to wait for the folder of a trial whose process was killed: a part of it may still end,
such as the worker of a data loader, or a process on a node that has just been lost."""

WORKER_ENDED = "process ended"
"""Cause of a trial whose process was ended from outside, see :class:`TrialResult`."""


class Executor(ABC):
    """Runs trials somewhere."""

    @abstractmethod
    def run(
        self, trials: Sequence[Trial], progress: Progress
    ) -> Iterator[tuple[Trial, TrialResult]]:
        """Run ``trials`` and yield each with its result, in any order.

        Where the iterator is closed, or something is raised inside it, what still runs is ended so
        that it can be gone on with.

        Args:
            trials: those that are not finished.
            progress: is told when a trial starts, and how it gets on.

        Raises:
            WorkDirError: if the disk takes no more.
            Interrupted: if a signal came, inside
                :func:`~pgf_plugin.interrupts.watched_signals`.
        """


def run_here(trial: Trial, progress: Progress | None = None) -> TrialResult:
    """Run a trial in this process, while it holds the trial's folder.

    Args:
        trial: one that is not finished.
        progress: where its status is shown as well as written.
    """
    with held(trial.folder, trial.config, wait=PATIENCE):
        writer = StatusWriter(trial, partial(progress.show, trial) if progress else None)
        try:
            return run_trial(trial, writer)
        except BaseException:
            writer.state("interrupted")
            raise


def outcome(trial: Trial, ended_well: bool) -> TrialResult | None:
    """What a trial that another process ran has left behind.

    Args:
        trial: the trial.
        ended_well: whether that process ended by itself. Otherwise the record of a failure may be
            an earlier one, and counts for nothing.

    Returns:
        the result; None if the process was ended before there was one.
    """
    result = TrialResult.load(trial.folder)
    if result is None or result.fingerprint != trial.fingerprint:
        return None
    return result if ended_well or result.completes(trial) else None


def ended_result(trial: Trial, error: str) -> TrialResult:
    """Record a trial whose process was ended from outside, and return its result.

    One that was trained stays finished; its corrupted test sets are what failed.
    """
    result = trained_before(trial)
    if result is None:
        result = new_result(trial)
        result.status, result.cause, result.error = "failed", WORKER_ENDED, error
    for test, _ in result.missing_tests(trial) if result.status == "finished" else ():
        test.error = error
        result.record(test)
    result.save(trial.folder)
    return result


def forget_status(trial: Trial) -> None:
    """Remove what an earlier process has written of a trial, before it is started."""
    (trial.folder / STATUS_FILE).unlink(missing_ok=True)


def show_status(trial: Trial, progress: Progress) -> None:
    """Show what the process that runs a trial has written of it."""
    status = TrialStatus.read(trial.folder)
    if status is not None and status.fingerprint == trial.fingerprint:
        progress.show(trial, status)
