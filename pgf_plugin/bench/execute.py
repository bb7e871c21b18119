"""Runs one trial with the stock mmengine ``Runner`` and measures it."""

import statistics
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from logging import FileHandler, Logger
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from pgf_plugin.bench.corrupted import complete, trained_before
from pgf_plugin.bench.divergence import DivergedError, DivergenceHook
from pgf_plugin.bench.folder import keep_earlier
from pgf_plugin.bench.looks import LOOKS_FILE, save_looks
from pgf_plugin.bench.memory import half_of, in_micro_batches, is_out_of_memory, release_memory
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.predictions import PredictionsHook
from pgf_plugin.bench.progress import ProgressHook
from pgf_plugin.bench.provenance import data_files, encoder_of
from pgf_plugin.bench.result import RESULT_FILE, TrialResult, new_result
from pgf_plugin.bench.resume import begin, prepare_folder, smaller_batches
from pgf_plugin.bench.scores import split_scores
from pgf_plugin.bench.selection import advice
from pgf_plugin.bench.status import StatusWriter
from pgf_plugin.checkpoint_files import Resumable
from pgf_plugin.encodable import encodable
from pgf_plugin.environment import environment
from pgf_plugin.errors import ConfigError
from pgf_plugin.evaluation.catalogue import rule_of
from pgf_plugin.models import ledger
from pgf_plugin.models.encoders.frozen_states import without_frozen_states
from pgf_plugin.training import train
from pgf_plugin.work_dir import ends_all

CONSOLE_FILE = "console.log"
TRACEBACK_FILE = "traceback.txt"
OUT_OF_MEMORY = "out of memory"

_LONG_ENOUGH = 10.0
"""Seconds after which the latency is measured no further."""


def run_trial(trial: Trial, writer: StatusWriter) -> TrialResult:
    """Train, choose the checkpoint by validation, test it once, and measure its latency.

    A trial that was interrupted goes on from its newest checkpoint, to the same numbers. Whatever
    the trial prints goes to ``console.log`` in its folder. A trial that raises is recorded as
    failed, with its traceback in ``traceback.txt``, and does not stop the bench. One whose training
    runs out of memory begins anew, with the same batches computed in parts half as large. At last
    the checkpoint is tested on the corrupted test sets of the bench, if it has any; a trial that
    lacks nothing else is not trained for that.

    Raises:
        WorkDirError: if the disk takes no more; every further trial would fail in the same way.
    """
    result = trained_before(trial) or _run(trial, writer)
    if result.status == "finished" and result.missing_tests(trial):
        writer.state("testing")
        with output_to(trial.folder / CONSOLE_FILE, append=True):
            complete(trial, result)
    writer.state(result.status)
    return result


def _run(trial: Trial, writer: StatusWriter) -> TrialResult:
    """Train and test, again with smaller micro-batches where memory ends, and save the result."""
    traces = []
    while True:
        result = new_result(trial)
        failure = _attempt(trial, writer, result)
        if failure is None:
            break
        traces.append(failure.trace)
        smaller = half_of(trial.config, result.micro_batch)
        if failure.cause != OUT_OF_MEMORY or writer.status.state == "loading" or smaller is None:
            result.status, result.cause, result.error = "failed", failure.cause, failure.error
            break
        release_memory()
        begin(trial, result.retries + 1, smaller)
        writer.state("loading")
        writer.tell(f"out of memory, begins anew with micro-batches of {smaller}")
    if traces:  # also where a later attempt was finished: somebody may want to know why it was
        (trial.folder / TRACEBACK_FILE).write_text("\n".join(traces), encoding="utf-8")
    if get_rank() == 0:
        result.save(trial.folder)
    return result


def explained(folder: Path) -> Path:
    """Where to look for why a trial failed: a process that was killed wrote no traceback."""
    trace = folder / TRACEBACK_FILE
    return trace if trace.exists() else folder / CONSOLE_FILE


class Failure(NamedTuple):
    """What an attempt at a trial raised; without its frames, which hold the memory of the model.

    Attributes:
        cause: ``'diverged'``, ``'out of memory'`` or ``'raised'``.
        error: type and message.
        trace: the whole traceback.
    """

    cause: str
    error: str
    trace: str


def _attempt(trial: Trial, writer: StatusWriter, result: TrialResult) -> Failure | None:
    try:
        if get_rank() == 0 and (news := keep_earlier(trial)):
            writer.tell(news)
        found = prepare_folder(trial)
        result.retries, result.micro_batch = smaller_batches(trial)
        # Of an earlier run, that this one replaces.
        for name in (RESULT_FILE, TRACEBACK_FILE, LOOKS_FILE):
            (trial.folder / name).unlink(missing_ok=True)
        with output_to(trial.folder / CONSOLE_FILE, append=found is not None):
            _train_and_test(trial, writer, result, found)
    except Exception as error:  # one trial must not take the others with it
        if ends_all(error):
            raise
        cause = "diverged" if isinstance(error, DivergedError) else "raised"
        cause = OUT_OF_MEMORY if is_out_of_memory(error) else cause
        told = f"{type(error).__name__}: {error}", traceback.format_exc()
        return Failure(cause, *map(encodable, told))
    return None


def _train_and_test(
    trial: Trial, writer: StatusWriter, result: TrialResult, found: Resumable | None
) -> None:
    hook = ProgressHook(writer, trial.metric)
    if found and (warning := found.warning()):
        writer.tell(warning)
    config = in_micro_batches(trial.config, result.micro_batch)
    runner = build_runner(config, found)
    runner.register_hook(hook, priority="LOW")  # before CheckpointHook looks for the metric
    runner.register_hook(DivergenceHook())
    _check_selection(runner, trial.metric)
    config.dump(trial.folder / "config.py")
    # What cannot be said must stop the trial before hours of training, not after.
    result.environment = environment(runner.model)
    result.encoder, result.encoder_weights = encoder_of(runner.model, trial.config)
    result.data_files = data_files(trial.config)
    train(runner)
    result.train_seconds = hook.seconds
    trained = time.perf_counter()
    result.learning_curve, result.curve_epochs = hook.curve, hook.curve_epochs
    result.unit = hook.unit
    writer.state("testing")
    best = Path(runner.message_hub.get_info("best_ckpt"))
    # The weights of a resumed run are averaged or not as the file says, as those of any other.
    runner._resume = False
    runner.load_checkpoint(str(best))
    result.checkpoint = best.name
    result.best_epoch = hook.best_epoch
    result.val_score = hook.best
    predictions = PredictionsHook()
    runner.register_hook(predictions)
    result.metrics, others = split_scores(runner.test())
    if others:
        writer.tell(f"the test gives {', '.join(others)}, too: no number, and not in the results")
    predictions.save(trial.folder)
    save_looks(runner, trial.folder)
    counts = ledger(runner.model)
    result.trainable, result.total = counts.trainable, counts.total
    result.trainable_without_encoder = counts.trainable_without_encoder
    result.ms_per_utterance = milliseconds_per_utterance(runner)
    dataset = runner.test_dataloader.dataset
    result.data = dataset.describe() if hasattr(dataset, "describe") else {}
    result.wall_seconds = result.train_seconds + time.perf_counter() - trained


def build_runner(config: Config, found: Resumable | None) -> Runner:
    """Build a ``Runner`` that begins, or goes on from what was found."""
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

    A pass that would begin after ten seconds is left out: what takes long spreads little.

    The model runs in the precision in which it was trained (``AmpOptimWrapper``). No layer is left
    out because a cache knows its output: new utterances are the case of interest.
    """
    model, wrapper = runner.model, runner.optim_wrapper
    model.eval()
    batches = list(runner.test_dataloader)
    times = []
    for _ in range(passes):
        synchronize()
        start = time.perf_counter()
        for batch in batches:
            data = model.data_preprocessor(batch, False)
            with wrapper.optim_context(model), without_frozen_states():
                model(data["inputs"], mode="tensor")
        synchronize()
        times.append(time.perf_counter() - start)
        if sum(times) > _LONG_ENOUGH:
            break
    return 1000 * statistics.median(times) / len(runner.test_dataloader.dataset)


def synchronize() -> None:
    """Wait for what a GPU was told to do, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextmanager
def output_to(path: Path, append: bool) -> Iterator[None]:
    """Let what is printed go to the file ``path`` meanwhile, and close the log of a ``Runner``."""
    mode = "a" if append else "w"
    opened = path.open(mode, encoding="utf-8", errors="backslashreplace")  # texts may be broken
    outside = MMLogger.get_current_instance()
    with opened as file, redirect_stdout(file), redirect_stderr(file):
        try:
            yield
        finally:
            if (logger := MMLogger.get_current_instance()) is not outside:
                _close_files(logger)


def _close_files(logger: Logger) -> None:
    """The engine keeps them open to the end of the process: of hundreds of trials, too many."""
    for handler in list(logger.handlers):
        if isinstance(handler, FileHandler):
            logger.removeHandler(handler)
            handler.close()
