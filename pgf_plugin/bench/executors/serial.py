"""One trial after the other, in this process."""

from collections.abc import Iterator, Sequence

from pgf_plugin.bench.executors.base import Executor, run_here
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.progress import Progress
from pgf_plugin.bench.result import TrialResult


class SerialExecutor(Executor):
    """Runs one trial after the other in this process, with all its threads and GPUs."""

    def run(
        self, trials: Sequence[Trial], progress: Progress
    ) -> Iterator[tuple[Trial, TrialResult]]:
        """Run ``trials`` in their order, see :meth:`Executor.run`."""
        for trial in trials:
            progress.start(trial)
            yield trial, run_here(trial, progress)
