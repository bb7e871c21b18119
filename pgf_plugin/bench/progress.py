"""Shows how a bench gets on: a live line in a terminal, a line an epoch elsewhere."""

import math
import time
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from pgf_plugin.bench.selection import DEFAULT_METRIC
from pgf_plugin.errors import ConfigError
from pgf_plugin.evaluation import METRICS
from pgf_plugin.hooks.safe_checkpoint import SafeCheckpointHook

KEY = "pgf_bench"
"""Where a checkpoint holds what :class:`ProgressHook` saves."""


class Progress:
    """Progress of a bench on one console.

    Args:
        console: where to write. In a terminal, the running trial is one live line; elsewhere,
            each epoch is a line of its own.
        num_trials: trials of the bench.
    """

    def __init__(self, console: Console, num_trials: int) -> None:
        self.console = console
        self.num_trials = num_trials
        self._number = 0
        self._label = ""
        self._bars: Bars | None = None

    def start(self, label: str, seed: int) -> None:
        """A trial begins."""
        self._number += 1
        self._label = f"[{self._number}/{self.num_trials}] {label}, seed {seed}"
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[news]}"),
                TimeElapsedColumn(),
            )
            self._bars = Bars(*columns, console=self.console, transient=True)
            self._bars.start()
            self._bars.add_task(self._label, total=None, news="loading")
        else:
            self._print("loading")

    def tell(self, news: str) -> None:
        """Something that stays on the screen happened to the trial."""
        self._print(news)

    def step(self, done: int, total: int, news: str) -> None:
        """``done`` of ``total`` iterations are trained."""
        if self._bars is not None:
            self._bars.update(self._bars.task_ids[0], completed=done, total=total, news=news)

    def epoch(
        self, number: int, total: int, score: float, best: float, metric: str = DEFAULT_METRIC
    ) -> None:
        """An epoch was validated."""
        if self._bars is None:
            said = f"validation {metric} {score:.3f} (best {best:.3f})"
            self._print(f"epoch {number}/{total}, {said}")

    def finish(self, summary: str) -> None:
        """The trial ended; ``summary`` stays on the screen."""
        self.stop()
        self._print(summary)

    def stop(self) -> None:
        """Take the live line away, also where a trial was interrupted."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _print(self, news: str) -> None:
        print_plain(self.console, f"{self._label}: {news}")


def print_plain(console: Console, text: str) -> None:
    """Print a line as it is: names and paths may hold what is markup to rich."""
    console.print(Text(text), soft_wrap=True)


class ProgressHook(Hook):
    """Tells a :class:`Progress` what a ``Runner`` does, and keeps the learning curve.

    Both outlive a kill: they are in the checkpoints from which a trial goes on.

    Args:
        progress: what is told.
        metric: validation metric by which the checkpoint is chosen.

    Attributes:
        curve: the metric after each epoch.
        best: best of them.
        best_epoch: its epoch, counted from 1.
    """

    def __init__(self, progress: Progress, metric: str = DEFAULT_METRIC) -> None:
        self.progress = progress
        self.metric = metric
        self.curve: list[float] = []
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
                "best": self.best,
                "best_epoch": self.best_epoch,
                "seconds": self.seconds,
            }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the curve until it is known whether the trial goes on, or begins from weights."""
        self._saved = checkpoint.get(KEY)

    def before_train(self, runner: Runner) -> None:
        """Put the curve back, if the trial goes on."""
        saved, self._saved = self._saved, None
        self._start = time.perf_counter()
        if saved is None or runner.iter == 0:
            return
        self.curve = list(saved["curve"])
        self.best, self.best_epoch = saved["best"], saved["best_epoch"]
        self._start -= saved["seconds"]
        self.progress.tell(f"goes on after epoch {runner.epoch}/{runner.max_epochs}")

    def after_train_iter(self, runner: Runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Move the bar."""
        epoch = f"epoch {runner.epoch + 1}/{runner.max_epochs}"
        best = "" if math.isinf(self.best) else f", best validation {self.metric} {self.best:.3f}"
        self.progress.step(runner.iter + 1, runner.max_iters, epoch + best)

    def after_val_epoch(self, runner: Runner, metrics=None) -> None:
        """Note the validation metric."""
        if self.metric not in (metrics or {}):
            raise ConfigError(
                f"val_evaluator gives {sorted(metrics or {})}, and the bench chooses checkpoints "
                f"by {self.metric}: set val_evaluator=dict(type='MSAMetric'), without a prefix, or "
                "bench.metric"
            )
        score = float(metrics[self.metric])
        self.curve.append(score)
        if score > self.best if METRICS[self.metric].higher_is_better else score < self.best:
            self.best, self.best_epoch = score, runner.epoch
        self.progress.epoch(runner.epoch, runner.max_epochs, score, self.best, self.metric)
