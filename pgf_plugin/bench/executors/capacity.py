"""How many trials this machine runs at once, and what each of them gets of it."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import torch

from pgf_plugin.bench.executors.job import VISIBLE_DEVICES

THREADS = 2
"""Threads of a trial where neither they nor the number of workers are given."""

HOST_MEMORY = 2.0
"""GiB of memory that a trial on a CPU is thought to take."""

_GIB = 2**30


class Slot(NamedTuple):
    """Place for one trial.

    Attributes:
        threads: for its computation on the CPU.
        device: entry of ``CUDA_VISIBLE_DEVICES``; None on a machine without a GPU.
    """

    threads: int
    device: str | None


def slots(
    workers: int | str,
    threads: int | None,
    gpu_memory: float,
    num_trials: int,
    free: Sequence[int],
) -> list[Slot]:
    """Divide the machine among trials.

    Args:
        workers: how many; ``'auto'`` for as many as cores and memory have room for.
        threads: of each; None divides torch's threads among the workers.
        gpu_memory: GiB of a GPU that a trial takes, for ``'auto'``.
        num_trials: no more workers than this.
        free: bytes free on each visible GPU, (G,); empty without one.

    Returns:
        one slot a worker, at least one; GPUs take turns.
    """
    places = [int(memory / _GIB // gpu_memory) for memory in free]
    if workers == "auto":
        room = sum(places) if free else int(_free_host_memory() // HOST_MEMORY)
        count = min(_cores() // (threads or THREADS), room)
    else:
        count = int(workers)
    count = max(1, min(count, num_trials))
    each = threads or max(1, torch.get_num_threads() // count)
    if not free:
        return [Slot(each, None)] * count
    turns = _turns(places, count)
    names = _names(len(free))
    return [Slot(each, names[turns[number % len(turns)]]) for number in range(count)]


def free_gpu_memory() -> list[int]:
    """Bytes free on each GPU that this process sees.

    It makes a CUDA context, and belongs into a process that ends soon.
    """
    return [torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())]


def _turns(places: Sequence[int], count: int) -> list[int]:
    """GPUs in the order in which trials are put on them; where all are full, all in turn."""
    rounds = range(max([*places, 0]))
    turns = [gpu for turn in rounds for gpu, room in enumerate(places) if turn < room]
    return turns[:count] or list(range(len(places)))


def _names(count: int) -> list[str]:
    """What stands for each GPU in ``CUDA_VISIBLE_DEVICES``, which may already name some."""
    named = [name.strip() for name in os.environ.get(VISIBLE_DEVICES, "").split(",")]
    return named[:count] if len(named) >= count and named[0] else [str(i) for i in range(count)]


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _free_host_memory() -> float:
    """GiB of memory that can be had without swapping; unlimited where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) / 2**20
    except (OSError, KeyError, ValueError):
        return float("inf")
