"""Profiles the models of several configs, side by side."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from pgf_plugin.environment import environment
from pgf_plugin.errors import ConfigError, check_positive_int
from pgf_plugin.profiling.batch import Batch, build_model, check_length, synthetic_batch
from pgf_plugin.profiling.case import Case, Lengths, configured_lengths, make_cases
from pgf_plugin.profiling.flops import count_flops
from pgf_plugin.profiling.latency import time_components, time_in_turn
from pgf_plugin.profiling.memory import peak_on_gpu, peaks_on_cpu
from pgf_plugin.profiling.result import Cell, ModelProfile, Profile, Work
from pgf_plugin.profiling.size import measure_size

BATCH_SIZES = (1, 8, 32)
REPEATS = 20


def profile_configs(
    configs: Mapping[str, Mapping[str, Any]],
    *,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    lengths: Sequence[Lengths] | None = None,
    device: str = "cpu",
    repeats: int = REPEATS,
    quiet: bool = False,
) -> Profile:
    """Measure the models of ``configs`` on the same batches, with random weights.

    Args:
        configs: configs of runs, by the label under which they stand in the profile.
        batch_sizes: utterances a batch.
        lengths: what utterances are long; None takes those to which the configs pad.
        device: ``'cpu'``, ``'cuda'`` or ``'cuda:N'``.
        repeats: timed passes of each model in each case.
        quiet: tell nothing of the progress, which otherwise goes to the standard error.

    Raises:
        ConfigError: for a device that is not there.
        ValueError: for a number below 1, or a text that is too long for an encoder.
    """
    check_positive_int("--repeats", repeats)
    place = check_device(device)
    cases = make_cases(batch_sizes, lengths or configured_lengths(configs.values()))
    models: dict[str, nn.Module] = {}
    for label, config in configs.items():
        models[label] = build_model(config["model"])
        for case in cases:
            check_length(label, models[label], case.lengths.text)
    tell = partial(_tell, quiet)
    sizes, work = {}, {}
    for label, model in models.items():
        tell(f"{label}: size and FLOPs")
        sizes[label] = measure_size(model)
        work[label] = _count(model, cases)
        model.to(place)
    cells = _measure(configs, models, cases, place, repeats, tell)
    return Profile(
        [
            ModelProfile(label, type(model).__name__, sizes[label], work[label], cells[label])
            for label, model in models.items()
        ],
        environment(next(iter(models.values()))),
    )


def check_device(name: str) -> torch.device:
    """Return the device called ``name``.

    Raises:
        ConfigError: if it is none that can be measured here.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise ConfigError(f"--device must be 'cpu', 'cuda' or 'cuda:N', got {name!r}")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            have = f"torch sees {count} of them" if count else "torch sees no GPU"
            raise ConfigError(f"--device {name}: {have} here (`pgf doctor` says why). Use 'cpu'")
    return device


def _count(model: nn.Module, cases: Sequence[Case]) -> list[Work]:
    """FLOPs of one utterance of each length; those of a batch are as many times more."""
    found = []
    for lengths in dict.fromkeys(case.lengths for case in cases):
        inputs = synthetic_batch(model, Case(1, lengths), torch.device("cpu"))
        found.append(Work(lengths, count_flops(model, inputs)))
    return found


def _measure(
    configs: Mapping[str, Mapping[str, Any]],
    models: Mapping[str, nn.Module],
    cases: Sequence[Case],
    device: torch.device,
    repeats: int,
    tell: Any,
) -> dict[str, list[Cell]]:
    """Latency and memory of every model in every case."""
    cells: dict[str, list[Cell]] = {label: [] for label in models}
    peaks: dict[str, list[int]] | None = None
    if device.type == "cpu":
        tell("memory")
        peaks = peaks_on_cpu(configs, cases)
    for number, case in enumerate(cases):
        tell(f"batch size {case.batch_size}, lengths {case.lengths}")
        inputs = {label: synthetic_batch(model, case, device) for label, model in models.items()}
        seconds = _time(models, inputs, repeats, device)
        for label, model in models.items():
            peak = None if peaks is None else peaks[label][number]
            if device.type == "cuda":
                peak = peak_on_gpu(model, inputs[label])
            p50, p95 = (float(each) for each in np.percentile(seconds[label], (50, 95)))
            components = time_components(model, inputs[label], repeats)
            cells[label].append(Cell(case, p50, p95, repeats, peak, components))
    return cells


@torch.inference_mode()
def _time(
    models: Mapping[str, nn.Module],
    inputs: Mapping[str, Batch],
    repeats: int,
    device: torch.device,
) -> dict[str, list[float]]:
    runs = {label: partial(model, inputs[label]) for label, model in models.items()}
    return time_in_turn(runs, repeats, device)


def _tell(quiet: bool, text: str) -> None:
    if not quiet:
        print(f"pgf profile: {text}", file=sys.stderr)
