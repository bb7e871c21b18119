"""Runs in processes of their own that are killed or interrupted, and what they leave behind."""

import json
import math
import os
import random
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

# What mmengine imports late is imported here, once, and not by every child.
import matplotlib.backends.backend_agg
import matplotlib.pyplot  # noqa: F401
import numpy as np
import setuptools  # noqa: F401
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook

from pgf_plugin.cli import main
from pgf_plugin.registry import DATASETS, HOOKS, METRICS


@DATASETS.register_module()
class NoisySynthetic(torch.utils.data.Dataset):
    """Synthetic samples whose features are disturbed anew each time, by all three generators."""

    def __init__(self, count: int) -> None:
        drawn = np.random.default_rng(count)
        self.text = drawn.normal(size=(count, 3, 4)).astype(np.float32)
        self.labels = self.text[:, :, 0].sum(1, keepdims=True)

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, index: int) -> dict:
        noise = 1 + 0.1 * (random.random() + np.random.normal() + float(torch.rand(())))
        return {
            "sample_id": f"synthetic_{index}",
            "raw_text": "",
            "label": self.labels[index],
            "text": self.text[index] * np.float32(noise),
        }


@METRICS.register_module(name="PlainMAE")
class MAE(BaseMetric):
    """Mean absolute error alone."""

    default_prefix = ""

    def process(self, data_batch, data_samples):
        self.results += [float(abs(s["prediction"] - s["label"])) for s in data_samples]

    def compute_metrics(self, results):
        return {"MAE": float(np.mean(results))}


STAGES = ("before_train_iter", "after_train_iter", "after_train_epoch", "before_val_epoch")
STAGES += ("after_val_epoch", "after_val", "before_save_checkpoint", "after_test_epoch")


@HOOKS.register_module()
class KillHook(Hook):
    """Signals its own process at the ``count``-th of all moments that a hook sees.

    In a config, ``count`` is a file with count, signal and a part of the work dir that is meant. It
    is taken away once it is read, so that the same command does not stop at the same place again.
    A negative signal goes to the process that started this one.
    """

    priority = "LOWEST"

    def __init__(self, count: int | str, signum: int = signal.SIGKILL) -> None:
        self.left = count if isinstance(count, int) else math.inf
        self.file = None if isinstance(count, int) else Path(count)
        self.signum = signum
        for stage in STAGES:
            setattr(self, stage, self._tick)

    def before_run(self, runner) -> None:
        if self.file and self.file.exists():
            count, signum, *place = self.file.read_text().split()
            if all(part in runner.work_dir for part in place):
                self.left, self.signum = int(count), int(signum)
                self.file.unlink()

    def _tick(self, runner, **_) -> None:
        self.left -= 1
        if self.left == -1:
            os.kill(os.getpid() if self.signum > 0 else os.getppid(), abs(self.signum))


CONFIG = """
default_scope = "pgf_plugin"
model = dict(
    type="TextOnlyNet", encoder=dict(type="PrecomputedTextEncoder", in_features=4),
    pooling="mean", head=dict(type="MSARegressionHead", dropout=0.3))
loader = dict(batch_size=3, num_workers=0, collate_fn=dict(type="msa_collate"))
train_dataloader = dict(
    loader, dataset=dict(type="NoisySynthetic", count=12),
    sampler=dict(type="DefaultSampler", shuffle=True))
val_dataloader = dict(
    loader, dataset=dict(type="NoisySynthetic", count=6),
    sampler=dict(type="DefaultSampler", shuffle=False))
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type="PlainMAE")
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="AdamW", lr=0.05), accumulative_counts=3)
param_scheduler = [dict(type="StepLR", step_size=2)]
train_cfg = dict(by_epoch=True, max_epochs=4, val_interval=1)
val_cfg = test_cfg = dict()
checkpoint = dict(
    type="SafeCheckpointHook", interval=1, max_keep_ckpts=2, save_best="MAE", rule="less")
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=1), checkpoint=checkpoint,
    exact_resume=dict(type="ExactResumeHook"))
custom_hooks = [dict(type="KillHook", count="{kill}")]
log_level = "ERROR"
del loader
"""
"""A run of four epochs with dropout, noise, momentum and accumulated gradients.

It reads the moment at which it is killed from the file ``kill``.
"""

BY_STEP = """
train_cfg = dict(_delete_=True, by_epoch=False, max_iters=11, val_interval=3)
train_dataloader = dict(sampler=dict(type="InfiniteSampler", _delete_=True, shuffle=True, seed=3))
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=4))
log_processor = dict(by_epoch=False)
param_scheduler = []
"""
"""What makes it one of eleven steps."""


def start_child(work: Callable[[], object], output: Path | None = None) -> int:
    """Run ``work`` in a forked process and return its pid.

    What ``work`` returns is the process's status where it is a number. Everything that the process
    prints goes to ``output``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            # As in a terminal, also where the tests run in the background, which ignores Ctrl-C.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if output is not None:
                _print_to(output)
            result = work()
            status = result if isinstance(result, int) else 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return child


def in_child(work: Callable[[], object], output: Path | None = None) -> int:
    """Run ``work`` as :func:`start_child` does; return its status, negative for a signal."""
    child = start_child(work, output)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class TrainCommand:
    """``pgf train`` of the config above in one work dir, in a process of its own.

    Attributes:
        argv: the command line.
        work_dir, kill, output, config: its files.
    """

    def __init__(self, folder: Path, loop: str = "epochs", more: str = "") -> None:
        self.work_dir, self.kill = folder / "run", folder / "kill"
        self.output, self.config = folder / "output.txt", folder / f"{loop}.py"
        source = CONFIG.format(kill=self.kill)
        if loop == "steps":
            (folder / "base.py").write_text(source)
            source = f"_base_ = 'base.py'\n{BY_STEP}"
        self.config.write_text(source + more)
        self.argv = ["train", str(self.config), "--work-dir", str(self.work_dir), "--seed", "3"]
        self.argv += ["--cfg-options", "optim_wrapper.optimizer.lr=0.04"]

    def __call__(self, moment: int | None = None, signum: int = signal.SIGINT) -> tuple[int, str]:
        """Train, with a signal at a moment; return the exit status and what was printed."""
        if moment is not None:
            self.kill.write_text(f"{moment} {int(signum)}")
        status = in_child(lambda: main(self.argv), self.output)
        return status, self.output.read_text()

    def take_over(self, printed: str) -> None:
        """Go on with the command that was printed."""
        (command,) = re.findall(r"^  python -m pgf_plugin (.*)$", printed, re.MULTILINE)
        self.argv = shlex.split(command)


def _print_to(output: Path) -> None:
    file = output.open("w", buffering=1)
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    sys.stdout = sys.stderr = file


def outcome(folder: Path, name: str) -> dict:
    """All that must not differ: every checkpoint kept, and what was logged of every step."""
    files = {p.name: torch.load(p, weights_only=True) for p in folder.glob("*.pth")}
    last = files[name]
    hub = last["message_hub"]
    histories = {key: h.data for key, h in hub["log_scalars"].items() if "time" not in key}
    scores = {k: v for k, v in hub["runtime_info"].items() if k in ("best_score", "iter", "epoch")}
    return {
        "files": sorted(files),
        "state": {k: last[k] for k in ("state_dict", "optimizer", "param_schedulers")},
        "resume": {key: files[key]["pgf_resume"] for key in files if "best" not in key},
        "best": [files[name]["state_dict"] for name in sorted(files) if name.startswith("best")],
        "histories": histories,
        "scores": scores,
        "scalars": scalars(folder),
    }


def scalars(folder: Path) -> dict:
    """The lines of ``scalars.json`` without times; of a step logged twice, the last."""
    lines: dict = {}
    for path in sorted(folder.glob("*/vis_data/scalars.json"), key=lambda p: p.stat().st_mtime_ns):
        for text in path.read_text().splitlines():
            line = {k: v for k, v in json.loads(text).items() if "time" not in k}
            lines["val" if "MAE" in line else "train", line["step"]] = line
    return lines


def assert_same(one, other, place: str = "") -> None:
    """Compare nested values bit for bit."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key, value in one.items():
            assert_same(value, other[key], f"{place}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), place
        for number, value in enumerate(one):
            assert_same(value, other[number], f"{place}[{number}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), place
    else:
        np.testing.assert_array_equal(one, other, place)
