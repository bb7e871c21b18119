"""Seconds of a forward pass: of several models in turn, and of the components of one."""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter

import torch
from torch import nn

from pgf_plugin.profiling.batch import Batch
from pgf_plugin.profiling.components import COMPONENTS, spending

WARM_UP = 3
"""Passes that are not timed: they allocate what the others use, and wake a GPU."""

COMPONENT_PASSES = 5
"""Passes at most over which the time of a component is the median."""


def time_in_turn(
    runs: Mapping[str, Callable[[], object]], repeats: int, device: torch.device
) -> dict[str, list[float]]:
    """Time each of ``runs`` ``repeats`` times, in seconds, by its name.

    They take turns, so that what else the machine does slows all of them alike.
    """
    clock = _clock(device)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        for _ in range(WARM_UP):
            run()
    for _ in range(repeats):
        for name, run in runs.items():
            begin = clock()
            run()
            seconds[name].append(clock() - begin)
    return seconds


@torch.inference_mode()
def time_components(model: nn.Module, inputs: Batch, repeats: int) -> dict[str, float]:
    """Median seconds of each component of a model over a few forward passes.

    On a GPU the parts wait for each other, which they otherwise do not: their sum is more than the
    latency.
    """
    clock = _clock(next(model.parameters()).device)
    passes = []
    model(inputs)  # the caches hold what the others left
    for _ in range(min(repeats, COMPONENT_PASSES)):
        with spending(model, clock) as spent:
            model(inputs)
        passes.append(spent)
    return {name: median(each[name] for each in passes) for name in COMPONENTS}


def _clock(device: torch.device) -> Callable[[], float]:
    """A clock that waits for what ``device`` was told to do."""

    def synchronized() -> float:
        torch.cuda.synchronize(device)
        return perf_counter()

    return synchronized if device.type == "cuda" else perf_counter
