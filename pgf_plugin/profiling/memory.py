"""Peak memory of a forward pass, beyond the weights and the batch."""

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import nn

from pgf_plugin.profiling.batch import Batch
from pgf_plugin.profiling.case import Case
from pgf_plugin.profiling.resident import SENTINEL, can_be_told


@torch.inference_mode()
def peak_on_gpu(model: nn.Module, inputs: Batch) -> int:
    """Bytes that torch's allocator held at most during a forward pass, beyond those before it."""
    device = next(model.parameters()).device
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    model(inputs)
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def peaks_on_cpu(
    configs: Mapping[str, Mapping[str, Any]], cases: Sequence[Case]
) -> dict[str, list[int]] | None:
    """Resident bytes at most during a forward pass, beyond those before it.

    Measured in a process of their own, which did nothing else before.

    Args:
        configs: of runs, by label; their models are built, after their ``custom_imports``.
        cases: what to run.

    Returns:
        one number a case, by label; None where the system does not tell (it takes Linux's
        ``/proc``).

    Raises:
        RuntimeError: if the process failed, with the end of what it said.
    """
    if not can_be_told():
        return None
    models = [
        {"model": config["model"], "custom_imports": config.get("custom_imports")}
        for config in configs.values()
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pgf_plugin.profiling.resident"],
        input=pickle.dumps((models, list(cases), torch.get_num_threads())),
        capture_output=True,
        # glibc otherwise keeps ever larger pieces for itself, and a peak hangs on those before.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"},
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    told = [int(line.removeprefix(SENTINEL)) for line in lines if line.startswith(SENTINEL)]
    if done.returncode or len(told) != len(models) * len(cases):
        said = done.stderr.decode(errors="replace").strip().splitlines()[-5:]
        raise RuntimeError(
            f"the process that measures memory ended with {done.returncode}: " + "\n".join(said)
        )
    rows = iter(told)
    return {label: list(islice(rows, len(cases))) for label in configs}
