"""Runs one trial with the stock mmengine ``Runner`` and measures it."""

import statistics
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from datetime import datetime
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from pgf_plugin.bench.looks import LOOKS_FILE, save_looks
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.predictions import PredictionsHook
from pgf_plugin.bench.progress import Progress, ProgressHook
from pgf_plugin.bench.provenance import data_files, encoder_of, environment
from pgf_plugin.bench.result import RESULT_FILE, TrialResult
from pgf_plugin.bench.resume import prepare_folder
from pgf_plugin.bench.selection import advice, rule_of
from pgf_plugin.checkpoint_files import Resumable
from pgf_plugin.errors import ConfigError, WorkDirError
from pgf_plugin.models import ledger
from pgf_plugin.training import train
from pgf_plugin.work_dir import write_failure

CONSOLE_FILE = "console.log"
TRACEBACK_FILE = "traceback.txt"


def run_trial(trial: Trial, progress: Progress) -> TrialResult:
    """Train, choose the checkpoint by validation, test it once, and measure its latency.

    A trial that was interrupted goes on from its newest checkpoint, to the same numbers. Whatever
    the trial prints goes to ``console.log`` in its folder. A trial that raises is recorded as
    failed, with its traceback in ``traceback.txt``, and does not stop the bench.

    Raises:
        WorkDirError: if the disk takes no more; every further trial would fail in the same way.
    """
    result = TrialResult(
        trial.model,
        trial.seed,
        trial.fingerprint,
        dataset=trial.dataset,
        setting=trial.setting,
        selection=trial.metric,
        date=datetime.now().astimezone().isoformat(" ", "seconds"),
        config=trial.config.pretty_text,
    )
    try:
        found = prepare_folder(trial)
        # Of an earlier run, that this one replaces.
        for name in (RESULT_FILE, TRACEBACK_FILE, LOOKS_FILE):
            (trial.folder / name).unlink(missing_ok=True)
        with _output_to(trial.folder / CONSOLE_FILE, append=found is not None):
            _train_and_test(trial, progress, result, found)
    except Exception as error:  # one trial must not take the others with it
        if isinstance(error, WorkDirError) or write_failure(error):
            raise
        result.status = "failed"
        result.error = f"{type(error).__name__}: {error}"
        (trial.folder / TRACEBACK_FILE).write_text(traceback.format_exc(), encoding="utf-8")
    if get_rank() == 0:
        result.save(trial.folder)
    return result


def _train_and_test(
    trial: Trial, progress: Progress, result: TrialResult, found: Resumable | None
) -> None:
    hook = ProgressHook(progress, trial.metric)
    if found and (warning := found.warning()):
        progress.tell(warning)
    runner = _build_runner(trial.config, found)
    runner.register_hook(hook, priority="LOW")  # before CheckpointHook looks for the metric
    _check_selection(runner, trial.metric)
    trial.config.dump(trial.folder / "config.py")
    # What cannot be said must stop the trial before hours of training, not after.
    result.environment = environment(runner.model)
    result.encoder, result.encoder_weights = encoder_of(runner.model, trial.config)
    result.data_files = data_files(trial.config)
    train(runner)
    result.train_seconds = hook.seconds
    trained = time.perf_counter()
    result.learning_curve = hook.curve
    best = Path(runner.message_hub.get_info("best_ckpt"))
    runner.load_checkpoint(str(best))
    result.checkpoint = best.name
    result.best_epoch = hook.best_epoch
    result.val_score = hook.best
    predictions = PredictionsHook()
    runner.register_hook(predictions)
    result.metrics = {name: float(value) for name, value in runner.test().items()}
    predictions.save(trial.folder)
    save_looks(runner, trial.folder)
    counts = ledger(runner.model)
    result.trainable, result.total = counts.trainable, counts.total
    result.trainable_without_encoder = counts.trainable_without_encoder
    result.ms_per_utterance = milliseconds_per_utterance(runner)
    dataset = runner.test_dataloader.dataset
    result.data = dataset.describe() if hasattr(dataset, "describe") else {}
    result.wall_seconds = result.train_seconds + time.perf_counter() - trained


def _build_runner(config: Config, found: Resumable | None) -> Runner:
    if found is None:
        return Runner.from_cfg(config)
    config = deepcopy(config)
    config.load_from, config.resume = str(found.path), True
    return Runner.from_cfg(config)


def _check_selection(runner: Runner, metric: str) -> None:
    """The report says how checkpoints were chosen; a trial that chooses otherwise is refused."""
    savers = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook) and hook.save_best]
    chosen = ([metric], [rule_of(metric)])
    if not any((hook.key_indicators, hook.rules) == chosen for hook in savers):
        raise ConfigError(f"default_hooks.checkpoint: {advice(metric)}")


@torch.inference_mode()
def milliseconds_per_utterance(runner: Runner, passes: int = 3) -> float:
    """Median over ``passes`` of the time in the model, from a batch on the host to predictions.

    The model runs in the precision in which it was trained (``AmpOptimWrapper``).
    """
    model, wrapper = runner.model, runner.optim_wrapper
    model.eval()
    batches = list(runner.test_dataloader)
    times = []
    for _ in range(passes):
        _synchronize()
        start = time.perf_counter()
        for batch in batches:
            data = model.data_preprocessor(batch, False)
            with wrapper.optim_context(model):
                model(data["inputs"], mode="tensor")
        _synchronize()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times) / len(runner.test_dataloader.dataset)


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextmanager
def _output_to(path: Path, append: bool) -> Iterator[None]:
    mode = "a" if append else "w"
    with path.open(mode, encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        yield
