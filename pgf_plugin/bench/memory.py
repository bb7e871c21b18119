"""What to do where a trial runs out of memory: the same batches, in smaller parts."""

import gc
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from mmengine.config import Config

_MESSAGES = ("DefaultCPUAllocator: ", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What torch says, in a plain RuntimeError, where it is no ``OutOfMemoryError``."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory of the host or of a device was not enough."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _MESSAGES)


def release_memory() -> None:
    """Give back what a failed attempt held, before the next."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def half_of(config: Config, micro_batch: int | None) -> int | None:
    """Return the micro-batch to try next.

    Args:
        config: of the trial.
        micro_batch: what was too large; None for whole batches.

    Returns:
        utterances; None where there is nothing smaller, or the batch size is not known.
    """
    size = micro_batch or _batch_size(config.get("train_dataloader"))
    return None if size is None or size < 2 else (size + 1) // 2


def in_micro_batches(config: Config, micro_batch: int | None) -> Config:
    """Return ``config`` with at most ``micro_batch`` utterances at once; itself where it is None.

    The training keeps its batches and its steps, and computes each batch in parts. Validation and
    test have smaller batches.
    """
    if micro_batch is None:
        return config
    config = deepcopy(config)
    if name := config.get("experiment_name"):
        # mmengine keeps what it logs by this name and the second, in which two attempts may begin.
        config.experiment_name = f"{name}_in_{micro_batch}"
    hooks = list(config.get("custom_hooks") or [])
    config.custom_hooks = [*hooks, dict(type="MicroBatchHook", size=micro_batch)]
    for key in ("val_dataloader", "test_dataloader"):
        size = _batch_size(config.get(key))
        if size is not None and size > micro_batch and "batch_size" in config[key]:
            config[key].batch_size = micro_batch
    return config


def _batch_size(loader: Any) -> int | None:
    if not isinstance(loader, Mapping):
        return None
    sampler = loader.get("batch_sampler")
    size = loader.get("batch_size") or (sampler or {}).get("batch_size")
    return size if isinstance(size, int) else None
