"""Peak memory of a forward pass, beyond the weights and the batch."""

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
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


def peaks_on_cpu(config: dict[str, Any], cases: Sequence[Case]) -> list[int] | None:
    """Resident bytes at most during a forward pass, beyond those before it, for each of ``cases``.

    Measured in a process of its own, where nothing else was allocated before.

    Args:
        config: of the model.
        cases: what to run.

    Returns:
        one number a case; None where the system does not tell (it takes Linux's ``/proc``).

    Raises:
        RuntimeError: if the process failed, with the end of what it said.
    """
    if not can_be_told():
        return None
    request = pickle.dumps((config, list(cases), torch.get_num_threads()))
    done = subprocess.run(
        [sys.executable, "-m", "pgf_plugin.profiling.resident"],
        input=request,
        capture_output=True,
        # What is freed goes back to the system at once: what a case has left would hide the next.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"},
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    told = [line.removeprefix(SENTINEL) for line in lines if line.startswith(SENTINEL)]
    if done.returncode or len(told) != len(cases):
        said = done.stderr.decode(errors="replace").strip().splitlines()[-5:]
        raise RuntimeError(
            f"the process that measures memory ended with {done.returncode}: " + "\n".join(said)
        )
    return [int(peak) for peak in told]
