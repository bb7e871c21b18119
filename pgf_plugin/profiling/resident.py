"""The process that measures resident memory: ``python -m pgf_plugin.profiling.resident``.

Reads pickled model configs, cases and a number of threads from the process that started it, and
prints one number a model and case.
"""

import ctypes
import pickle
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.utils import import_modules_from_strings

from pgf_plugin.plugin import load_entry_points
from pgf_plugin.profiling.batch import build_model, synthetic_batch
from pgf_plugin.profiling.case import Case

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


def main() -> None:
    """Measure what stands on the standard input."""
    configs, cases, threads = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our parent
    torch.set_num_threads(threads)
    load_entry_points()
    for config in configs:
        if config["custom_imports"]:
            import_modules_from_strings(**config["custom_imports"])
        for peak in _peaks(config["model"], cases):
            print(f"{SENTINEL}{peak}", flush=True)


@torch.inference_mode()
def _peaks(config: dict[str, Any], cases: Sequence[Case]) -> Iterator[int]:
    model = build_model(config)
    for case in cases:
        inputs = synthetic_batch(model, case, torch.device("cpu"))
        model(inputs)  # what is loaded and set up only once
        give_back()
        _CLEAR.write_text(_RESET_PEAK)
        before = _resident("VmRSS")
        model(inputs)
        yield max(0, _resident("VmHWM") - before)


def give_back() -> None:
    """Return what was freed to the system: what a case has left would hide the next."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def _resident(field: str) -> int:
    """Bytes that ``/proc`` tells of this process."""
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main()
