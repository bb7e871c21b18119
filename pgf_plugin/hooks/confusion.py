"""The confusion matrix of every evaluation, in the log directory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from pgf_plugin.evaluation.collected import ScoresMetric
from pgf_plugin.registry import HOOKS


@HOOKS.register_module()
class ConfusionHook(Hook):
    """Write what was taken for what to ``confusion_val.csv`` and ``confusion_test.csv``.

    They are in the log directory of the run, each of the latest evaluation. Of classes it is the
    confusion matrix, of several labels their counts of true and false positives and negatives.
    """

    priority = "LOW"

    def after_val_epoch(self, runner: Runner, metrics: Any = None) -> None:
        """Write that of the validation."""
        _write(runner.val_evaluator.metrics, Path(runner.log_dir), "val")

    def after_test_epoch(self, runner: Runner, metrics: Any = None) -> None:
        """Write that of the test."""
        _write(runner.test_evaluator.metrics, Path(runner.log_dir), "test")


@master_only
def _write(metrics: Sequence[Any], folder: Path, split: str) -> None:
    tables = [m.table for m in metrics if isinstance(m, ScoresMetric) and m.table is not None]
    for place, table in enumerate(tables):
        number = f"_{place}" if place else ""
        table.to_csv(folder / f"confusion_{split}{number}.csv")
