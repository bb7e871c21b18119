"""The process that measures resident memory: ``python -m pgf_plugin.profiling.resident``.

Reads a pickled model config, cases and a number of threads from the process that started it, and
prints one number a case.
"""

import pickle
import sys
from pathlib import Path

import torch

from pgf_plugin.plugin import load_entry_points
from pgf_plugin.profiling.batch import build_model, synthetic_batch
from pgf_plugin.profiling.case import Case, Lengths

SENTINEL = "peak bytes: "
"""What the lines of interest begin with."""

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


def can_be_told() -> bool:
    """Whether the system tells the peak of resident memory, and lets a process reset it."""
    try:
        _CLEAR.write_text(_RESET_PEAK)
        return _resident("VmHWM") > 0
    except (OSError, StopIteration):
        return False


@torch.inference_mode()
def main() -> None:
    """Measure what stands on the standard input."""
    config, cases, threads = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our parent
    torch.set_num_threads(threads)
    load_entry_points()
    model = build_model(config)
    device = torch.device("cpu")
    model(synthetic_batch(model, Case(1, Lengths(4, 4, 4)), device))  # what is loaded only once
    for case in cases:
        inputs = synthetic_batch(model, case, device)
        _CLEAR.write_text(_RESET_PEAK)
        before = _resident("VmRSS")
        model(inputs)
        print(f"{SENTINEL}{max(0, _resident('VmHWM') - before)}", flush=True)


def _resident(field: str) -> int:
    """Bytes that ``/proc`` tells of this process."""
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main()
