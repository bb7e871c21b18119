"""Runs one trial with the stock mmengine ``Runner`` and measures it."""

import platform
import statistics
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from pgf_plugin.bench.looks import LOOKS_FILE, save_looks
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.predictions import PredictionsHook
from pgf_plugin.bench.progress import Progress, ProgressHook
from pgf_plugin.bench.result import RESULT_FILE, TrialResult
from pgf_plugin.bench.resume import prepare_folder
from pgf_plugin.checkpoint_files import Resumable
from pgf_plugin.config.load import type_name
from pgf_plugin.environment import engine, versions
from pgf_plugin.errors import ConfigError, WorkDirError
from pgf_plugin.models import ledger
from pgf_plugin.training import train
from pgf_plugin.work_dir import write_failure

CONSOLE_FILE = "console.log"
TRACEBACK_FILE = "traceback.txt"


def run_trial(trial: Trial, progress: Progress) -> TrialResult:
    """Train, choose the checkpoint by validation MAE, test it once, and measure its latency.

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
    hook = ProgressHook(progress)
    if found and (warning := found.warning()):
        progress.tell(warning)
    runner = _build_runner(trial.config, found)
    runner.register_hook(hook, priority="LOW")  # before CheckpointHook looks for the MAE
    _check_selection(runner)
    trial.config.dump(trial.folder / "config.py")
    # What cannot be said must stop the trial before hours of training, not after.
    result.environment = environment(runner.model)
    result.encoder = _encoder_name(trial.config)
    train(runner)
    result.train_seconds = hook.seconds
    result.learning_curve = hook.curve
    best = Path(runner.message_hub.get_info("best_ckpt"))
    runner.load_checkpoint(str(best))
    result.checkpoint = best.name
    result.best_epoch = hook.best_epoch
    result.val_mae = hook.best
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


def _build_runner(config: Config, found: Resumable | None) -> Runner:
    if found is None:
        return Runner.from_cfg(config)
    config = deepcopy(config)
    config.load_from, config.resume = str(found.path), True
    return Runner.from_cfg(config)


def _check_selection(runner: Runner) -> None:
    """The report says how checkpoints were chosen; a trial that chooses otherwise is refused."""
    savers = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook) and hook.save_best]
    if not any((hook.key_indicators, hook.rules) == (["MAE"], ["less"]) for hook in savers):
        raise ConfigError(
            "default_hooks.checkpoint: a bench compares checkpoints chosen by validation MAE: set "
            "default_hooks.checkpoint=dict(type='CheckpointHook', save_best='MAE', rule='less')"
        )


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


def environment(model: torch.nn.Module) -> dict[str, Any]:
    """Versions, engine, device and threads, as they stand beside every number."""
    device = next(model.parameters()).device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "python": platform.python_version(),
        "packages": versions(),
        "engine": engine(),
        "device": device.type,
        "device_name": name or platform.machine(),
        "threads": torch.get_num_threads(),
    }


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _encoder_name(config: Config) -> str | None:
    encoder = config.model.get("encoder")
    if not isinstance(encoder, dict):
        return None
    return encoder.get("pretrained") or type_name(encoder)


@contextmanager
def _output_to(path: Path, append: bool) -> Iterator[None]:
    mode = "a" if append else "w"
    with path.open(mode, encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        yield
