"""What one trial would cost: a few real steps of it, in a folder that is thrown away."""

import gc
import io
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from copy import deepcopy
from itertools import islice, pairwise
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import uuid4

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from pgf_plugin.bench.execute import synchronize
from pgf_plugin.config.load import nodes, type_name
from pgf_plugin.training import train

WARM_STEPS = 3
"""Steps that are timed, after one that is not: it allocates what the others use."""

_TEST_PASSES = 4
"""The test itself, and three passes for the latency."""


class Cost(NamedTuple):
    """What a trial costs, extrapolated from a few steps.

    Attributes:
        seconds: all of it.
        step: seconds a training step.
        steps: training steps at most; fewer where the training may stop early.
        stops_early: whether it may.
        gpu_bytes: peak of the GPU's memory in those steps; None without a GPU.
    """

    seconds: float
    step: float
    steps: int
    stops_early: bool
    gpu_bytes: int | None


def measure(config: Config, corrupted: int = 0) -> Cost:
    """Train a few steps on real batches, validate and test one or two, and extrapolate.

    Args:
        config: of a trial. Nothing is written to its work dir, and no tracker is told.
        corrupted: how often its model is tested on a corrupted test set.

    Raises:
        Exception: whatever the trial itself would raise, such as for widths that do not fit.
    """
    begin = time.perf_counter()
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    with (
        TemporaryDirectory(prefix="pgf-dry-run-") as folder,
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        cost = _measure(_apart(config, folder), begin, corrupted)
    gc.collect()  # the model goes before the next one is built
    return cost._replace(gpu_bytes=torch.cuda.max_memory_allocated() if on_gpu else None)


def peak_memory() -> int | None:
    """Bytes that this process held at most; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class _EnoughError(Exception):
    """The steps are measured."""


class _StepTimer(Hook):
    """Notes when each step ended, and ends the training after a few."""

    priority = "LOWEST"

    def __init__(self) -> None:
        self.begin = 0.0
        self.ends: list[float] = []

    def before_train(self, runner: Runner) -> None:
        self.begin = time.perf_counter()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        synchronize()
        self.ends.append(time.perf_counter())
        if len(self.ends) > WARM_STEPS:
            raise _EnoughError

    def before_val(self, runner: Runner) -> None:
        raise _EnoughError  # its time is no step's

    def step(self) -> float:
        """Seconds a warm step; the first one's where there is no other."""
        return _warm([self.begin, *self.ends])


def _apart(config: Config, folder: str) -> Config:
    """The config of a run that leaves nothing behind."""
    config = deepcopy(config)
    config.work_dir = folder
    config.experiment_name = f"dry_run_{uuid4().hex}"
    config.visualizer = {"type": "Visualizer", "vis_backends": None}
    config.resume = False
    return config


def _measure(config: Config, begin: float, corrupted: int) -> Cost:
    runner = Runner.from_cfg(config)
    timer = _StepTimer()
    runner.register_hook(timer)
    try:
        with suppress(_EnoughError):
            train(runner)
        startup = (timer.begin or time.perf_counter()) - begin
        loop = runner.train_loop
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        total = loop.max_epochs if by_epoch else loop.max_iters
        validations = max(1, (total - loop.val_begin + 1) // loop.val_interval)
        validation = _evaluate(runner, runner.val_dataloader)
        test = _evaluate(runner, runner.test_dataloader)
    finally:
        for handler in runner.logger.handlers:
            handler.close()  # its file is in the folder that goes
    step, steps = timer.step(), loop.max_iters
    seconds = startup + steps * step + validations * validation + (_TEST_PASSES + corrupted) * test
    early = any(type_name(node) == "EarlyStoppingHook" for node in nodes(config))
    return Cost(seconds, step, steps, early, None)


@torch.no_grad()
def _evaluate(runner: Runner, loader: Any) -> float:
    """Seconds a pass over a dataloader would take, from its second and third batch."""
    if isinstance(loader, dict):  # the loop that builds it was not asked for yet
        loader = runner.build_dataloader(loader, seed=runner.seed)
    runner.model.eval()
    times = [time.perf_counter()]
    for batch in islice(loader, 3):
        runner.model.val_step(batch)
        synchronize()
        times.append(time.perf_counter())
    return len(loader) * _warm(times)


def _warm(times: Sequence[float]) -> float:
    """Mean time from one moment to the next, without the first where there are others."""
    lasted = [end - start for start, end in pairwise(times)]
    warm = lasted[1:] or lasted
    return sum(warm) / max(1, len(warm))
