"""Shows how a bench gets on: live lines in a terminal, a line an epoch elsewhere."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from pgf_plugin.bench.pace import EPOCH, pace_of
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.selection import DEFAULT_METRIC, best_of, is_better
from pgf_plugin.bench.status import StatusWriter, TrialStatus
from pgf_plugin.console import print_plain
from pgf_plugin.errors import ConfigError
from pgf_plugin.evaluation import METRICS
from pgf_plugin.hooks.safe_checkpoint import SafeCheckpointHook

KEY = "pgf_bench"
"""Where a checkpoint holds what :class:`ProgressHook` saves."""


class Progress:
    """Progress of a bench on one console.

    Args:
        console: where to write. In a terminal, each running trial is one live line; elsewhere,
            each epoch is a line of its own.
        trials: of the bench, in the order of the plan.
    """

    def __init__(self, console: Console, trials: Sequence[Trial] = ()) -> None:
        self.console = console
        self._labels = {
            trial.folder: f"[{number}/{len(trials)}] {trial.label}, seed {trial.seed}"
            for number, trial in enumerate(trials, 1)
        }
        self._told: dict[Path, tuple[float, int, int]] = {}
        self._bars: Bars | None = None
        self._lines: dict[Path, TaskID] = {}

    def start(self, trial: Trial, label: str | None = None) -> None:
        """A trial begins; ``label`` is how it is called, where it is not one of the plan."""
        if label is not None:
            self._labels[trial.folder] = label
        if not self.console.is_terminal:
            self._print(trial, "loading")
            return
        if self._bars is None:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[news]}"),
                TimeElapsedColumn(),
            )
            self._bars = Bars(*columns, console=self.console, transient=True)
            self._bars.start()
        self._take_line(trial)
        label = self._labels[trial.folder]
        self._lines[trial.folder] = self._bars.add_task(label, total=None, news="loading")

    def show(self, trial: Trial, status: TrialStatus) -> None:
        """Show what is new in the status of a running trial."""
        began, notes, epochs = self._told.get(trial.folder, (status.began, 0, 0))
        if began != status.began:  # another process has taken it over
            notes = epochs = 0
        self._told[trial.folder] = (status.began, len(status.notes), len(status.curve))
        for note in status.notes[notes:]:
            self._print(trial, note)
        if self._bars is not None and trial.folder in self._lines:
            said = f", best validation {status.metric}"
            best = "" if status.best is None else f"{said} {status.best:.3f}"
            far = f"{status.unit} {status.epoch}/{status.epochs}"
            self._bars.update(
                self._lines[trial.folder],
                completed=status.step,
                total=status.of or None,
                news=f"{far}{best}" if status.of else status.state,
            )
            return
        # The epochs of an earlier process were shown when it trained them.
        for number in range(max(epochs, status.resumed), len(status.curve)):
            score, so_far = status.curve[number], status.curve[: number + 1]
            best_so_far = best_of(so_far, status.higher_is_better)
            said = f"validation {status.metric} {score:.3f} (best {best_so_far:.3f})"
            far = f"{status.unit} {status.curve_epochs[number]}/{status.epochs}"
            self._print(trial, f"{far}, {said}")

    def tell(self, trial: Trial, news: str) -> None:
        """Something that stays on the screen happened to a trial."""
        self._print(trial, news)

    def finish(self, trial: Trial, summary: str) -> None:
        """The trial ended; ``summary`` stays on the screen."""
        self._take_line(trial)
        self._print(trial, summary)

    def stop(self) -> None:
        """Take the live lines away, also where a bench was interrupted."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _take_line(self, trial: Trial) -> None:
        line = self._lines.pop(trial.folder, None)
        if self._bars is not None and line is not None:
            self._bars.remove_task(line)

    def _print(self, trial: Trial, news: str) -> None:
        print_plain(self.console, f"{self._labels[trial.folder]}: {news}")


class ProgressHook(Hook):
    """Tells a :class:`StatusWriter` what a ``Runner`` does, and keeps the learning curve.

    Both outlive a kill: they are in the checkpoints from which a trial goes on.

    Args:
        progress: what is told.
        metric: validation metric by which the checkpoint is chosen.

    Attributes:
        curve: the metric after each validation.
        curve_epochs: epoch of each, counted from 1; the step, where the loop has no epochs.
        unit: in what they are counted.
        best: best of the curve.
        best_epoch: its epoch, or step.
    """

    def __init__(self, writer: StatusWriter, metric: str = DEFAULT_METRIC) -> None:
        self.writer = writer
        self.metric = metric
        self.curve: list[float] = []
        self.curve_epochs: list[int] = []
        self.unit = EPOCH
        self.best = -math.inf if METRICS[metric].higher_is_better else math.inf
        self.best_epoch: int | None = None
        self._saved: dict[str, Any] | None = None
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall time of training and validation, without the time in which nothing ran."""
        return time.perf_counter() - self._start

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the curve to a checkpoint that has it whole, which the stock hook saves too early."""
        safe = any(isinstance(hook, SafeCheckpointHook) for hook in runner.hooks)
        if safe and "optimizer" in checkpoint:
            checkpoint[KEY] = {
                "curve": list(self.curve),
                "curve_epochs": list(self.curve_epochs),
                "best": self.best,
                "best_epoch": self.best_epoch,
                "seconds": self.seconds,
            }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the curve until it is known whether the trial goes on, or begins from weights."""
        self._saved = checkpoint.get(KEY)

    def before_train(self, runner: Runner) -> None:
        """Put the curve back, if the trial goes on."""
        self.writer.state("training")
        saved, self._saved = self._saved, None
        self._start = time.perf_counter()
        pace = pace_of(runner)
        self.unit = pace.unit
        if saved is None or runner.iter == 0:
            return
        self.curve = list(saved["curve"])
        # Checkpoints of earlier versions lack the epochs.
        self.curve_epochs = list(saved.get("curve_epochs") or range(1, len(self.curve) + 1))
        self.best, self.best_epoch = saved["best"], saved["best_epoch"]
        self._start -= saved["seconds"]
        self.writer.resumed(pace, self.curve, self.curve_epochs, self.best)

    def after_train_iter(self, runner: Runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Move the bar."""
        pace = pace_of(runner)
        self.writer.step(runner.iter + 1, runner.max_iters, pace._replace(done=pace.done + 1))

    def after_val_epoch(self, runner: Runner, metrics=None) -> None:
        """Note the validation metric."""
        if self.metric not in (metrics or {}):
            raise ConfigError(
                f"val_evaluator gives {sorted(metrics or {})}, and the bench chooses checkpoints "
                f"by {self.metric}: set val_evaluator=dict(type='MSAMetric'), without a prefix, or "
                "bench.metric"
            )
        score = float(metrics[self.metric])
        self.note(runner, score, is_better(self.metric, score, self.best))

    def note(self, runner: Runner, score: float, is_best: bool) -> None:
        """Take up the score of a validation."""
        pace = pace_of(runner)
        self.curve.append(score)
        self.curve_epochs.append(pace.done)
        if is_best:
            self.best, self.best_epoch = score, pace.done
        self.writer.validated(pace, self.curve, self.curve_epochs, self.best)
