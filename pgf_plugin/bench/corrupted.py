"""Tests a trained model on corrupted test sets, without training it again."""

from copy import deepcopy
from typing import Any
from uuid import uuid4

from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.registry import LOOPS
from mmengine.runner import Runner

from pgf_plugin.bench.corruptions import corrupted_config
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.bench.scores import split_scores
from pgf_plugin.checkpoint_files import is_intact
from pgf_plugin.encodable import encodable
from pgf_plugin.work_dir import ends_all


def trained_before(trial: Trial) -> TrialResult | None:
    """The result of a trial that is finished but for its corrupted test sets, if it is.

    None where the chosen checkpoint is gone: then there is nothing that could be tested.
    """
    result = TrialResult.load(trial.folder)
    if result is None or not result.settles(trial.fingerprint) or not result.checkpoint:
        return None
    path = trial.folder / result.checkpoint
    return result if path.is_file() and is_intact(path) else None


def complete(trial: Trial, result: TrialResult) -> None:
    """Test the chosen checkpoint of a trial on each corrupted test set that its result lacks.

    Every test is added to the result in the folder of the trial as soon as it is done. One that
    raises is recorded with its error, and tried again when the bench is run again.

    Raises:
        WorkDirError, OSError: if the disk takes no more.
    """
    runner = None
    for test, transform in result.missing_tests(trial):
        try:
            runner = runner or _trained_runner(trial, result)
            test.metrics = _test(runner, corrupted_config(trial.config, transform))
        except Exception as error:  # the numbers of the trial itself stand, whatever happens here
            if ends_all(error):
                raise
            test.error = encodable(f"{type(error).__name__}: {error}")
        result.record(test)
        if get_rank() == 0:
            result.save(trial.folder)
    if runner:
        runner.call_hook("after_run")


def _trained_runner(trial: Trial, result: TrialResult) -> Runner:
    """A ``Runner`` with the chosen checkpoint, that tells no tracker of what it does."""
    config = deepcopy(trial.config)
    # A name of its own: mmengine adds the second alone, and refuses one that is taken.
    config.experiment_name = f"corrupted_{uuid4().hex}"
    config.visualizer = {"type": "Visualizer", "vis_backends": None}
    config.load_from, config.resume = None, False
    runner = Runner.from_cfg(config)
    runner.call_hook("before_run")  # a hook that averages weights makes its model there
    runner.load_checkpoint(str(trial.folder / str(result.checkpoint)))
    return runner


def _test(runner: Runner, config: Config) -> dict[str, float]:
    """Test metrics on the test set of ``config``, as ``Runner.test`` has them."""
    loop: dict[str, Any] = {"type": "TestLoop", **(config.test_cfg or {})}
    parts = {
        "runner": runner,
        "dataloader": runner.build_dataloader(config.test_dataloader, seed=runner.seed),
        "evaluator": runner.build_evaluator(config.test_evaluator),
    }
    return split_scores(LOOPS.build(loop, default_args=parts).run())[0]
