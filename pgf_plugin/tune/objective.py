"""Runs one trial of a search: trains each seed, and takes the best validation metric."""

import math
import statistics
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mmengine.config import Config
from mmengine.runner import Runner

from pgf_plugin.bench.execute import CONSOLE_FILE, TRACEBACK_FILE, build_runner, output_to
from pgf_plugin.bench.fingerprint import fingerprint
from pgf_plugin.bench.plan import Trial as Run
from pgf_plugin.bench.progress import ProgressHook
from pgf_plugin.bench.resume import prepare_folder
from pgf_plugin.bench.status import StatusWriter, TrialStatus
from pgf_plugin.encodable import encodable
from pgf_plugin.errors import ConfigError
from pgf_plugin.training import train
from pgf_plugin.tune.history import pruner_state
from pgf_plugin.tune.record import TrialRecord, trial_folder
from pgf_plugin.tune.settings import Settings
from pgf_plugin.tune.space import values_of
from pgf_plugin.tune.trial_config import compose, without_test
from pgf_plugin.work_dir import ends_all

if TYPE_CHECKING:
    from optuna.trial import Trial

CONFIG_FILE = "config.py"


Show = Callable[[TrialStatus], None]
"""Is told how a run gets on."""


class PrunedError(Exception):
    """The pruner ended a trial."""


class Search(NamedTuple):
    """What all trials of a search share.

    Attributes:
        cfg: the config of the search.
        settings: what it says of the search.
        mark: hash of what makes a trial one of this search.
        work_dir: its folder.
    """

    cfg: Config
    settings: Settings
    mark: str
    work_dir: Path

    def config(self, params: dict[str, Any], seed: int) -> Config:
        """The training config of a trial, with the test set."""
        metric, higher = self.settings.metric, self.settings.higher_is_better
        values = values_of(self.settings.space, params)
        return compose(self.cfg, values, metric=metric, higher_is_better=higher, seed=seed)


class ObjectiveHook(ProgressHook):
    """Follows the metric of a search through one run, and ends a run without hope.

    Attributes:
        curve: the metric after each validation.
        best: best of them.
        best_epoch: its epoch, counted from 1, or its step.
    """

    def __init__(
        self, writer: StatusWriter, settings: Settings, hopeless: Callable[[int, float], bool]
    ) -> None:
        super().__init__(writer)
        self._metric = settings.metric
        self._higher = settings.higher_is_better
        self._hopeless = hopeless
        self.best = -math.inf if self._higher else math.inf

    def before_train(self, runner: Runner) -> None:
        """Put the curve back, if the trial goes on, and tell the pruner of it."""
        super().before_train(runner)
        for step, value in enumerate(self.curve, start=1):
            self._hopeless(step, value)

    def after_val_epoch(self, runner: Runner, metrics=None) -> None:
        """Note the metric.

        Raises:
            PrunedError: if the pruner ends the trial; not after its last validation, where there is
                nothing left to spare.
        """
        value = self._value(metrics or {})
        self.note(runner, value, value > self.best if self._higher else value < self.best)
        if self._hopeless(len(self.curve), value) and runner.iter < runner.max_iters:
            raise PrunedError

    def _value(self, metrics: dict[str, Any]) -> float:
        if self._metric not in metrics:
            raise ConfigError(
                f"tune.metric: val_evaluator gives {sorted(metrics)}, without {self._metric!r}"
            )
        value = float(metrics[self._metric])
        if not math.isfinite(value):
            raise ValueError(f"validation {self._metric} is {value}: the run diverged")
        return value


def run_trial(search: Search, trial: "Trial", show: Show) -> TrialRecord:
    """Train a trial and record how it ended; what it prints goes to ``console.log``.

    ``show`` is told how its runs get on.

    A run that was interrupted goes on from its newest checkpoint, to the same numbers. A trial that
    raises is recorded as failed, with its traceback in ``traceback.txt``.

    Raises:
        WorkDirError: if the disk takes no more; every further trial would fail in the same way.
    """
    record = TrialRecord(trial.number, search.mark, params=dict(trial.params))
    folder = trial_folder(search.work_dir, trial.number)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRACEBACK_FILE).unlink(missing_ok=True)
    try:
        _train_seeds(search, trial, show, record)
        record.value = statistics.fmean(record.values)
    except PrunedError:
        record.state = "pruned"
    except Exception as error:  # one trial must not take the others with it
        if ends_all(error):
            raise
        record.state, record.error = "failed", encodable(f"{type(error).__name__}: {error}")
        trace = encodable(traceback.format_exc())
        (folder / TRACEBACK_FILE).write_text(trace, encoding="utf-8")
    record.pruner_state = pruner_state(trial)
    record.save(folder)
    return record


def _train_seeds(search: Search, trial: "Trial", show: Show, record: TrialRecord) -> None:
    """Train the seeds, and note each in the record; the first alone can be pruned."""

    def hopeless(step: int, value: float) -> bool:
        trial.report(value, step)
        return trial.should_prune()

    for place, seed in enumerate(search.settings.seeds):
        run = _run_of(search, record, seed)
        writer = StatusWriter(run, show, search.settings.higher_is_better)
        hook = ObjectiveHook(
            writer, search.settings, (lambda step, value: False) if place else hopeless
        )
        try:
            _train(run, hook)
            writer.state("finished")
        except PrunedError:
            writer.state("finished")
            raise
        except BaseException as error:
            writer.state("failed" if isinstance(error, Exception) else "interrupted")
            raise
        finally:
            record.seconds += hook.seconds
            if place == 0:
                record.curve = hook.curve
            if hook.best_epoch is not None:
                record.unit = hook.unit
                record.values.append(hook.best)
                record.best_epochs.append(hook.best_epoch)
        if not hook.curve:
            raise ConfigError("train_cfg: the run ended before its first validation")


def _train(run: Run, hook: ObjectiveHook) -> None:
    found = prepare_folder(run)
    if found and (warning := found.warning()):
        hook.writer.tell(warning)
    with output_to(run.folder / CONSOLE_FILE, append=found is not None):
        runner = build_runner(run.config, found)
        runner.register_hook(hook, priority="LOW")  # before CheckpointHook looks for the metric
        try:
            train(runner)
        except BaseException:  # a tracker's run that stays open would take the next trial's numbers
            runner.visualizer.close()
            raise


def _run_of(search: Search, record: TrialRecord, seed: int) -> Run:
    """The run of one seed; its config is written beside it, with the test set."""
    complete = search.config(record.params, seed)
    run_folder = trial_folder(search.work_dir, record.number) / f"seed_{seed}"
    run_folder.mkdir(parents=True, exist_ok=True)
    complete.dump(run_folder / CONFIG_FILE)
    config = without_test(complete)
    mark = fingerprint(config)
    config.work_dir = str(run_folder)
    config.experiment_name = f"tune_{record.number}_{seed}_{mark[:6]}"
    metric = search.settings.metric
    return Run("tune", seed, config, run_folder, mark, metric=metric)
