"""What mmengine's checkpoints need so that torch loads them without executing anything.

mmengine 0.10.7 calls ``torch.load`` and leaves ``weights_only`` to torch, whose default refuses
the message hub in mmengine's checkpoints: a ``HistoryBuffer`` pickles its own methods, and those
need ``builtins.getattr``, which would let a file reach anything. Here a buffer is pickled as its
plain lists instead, and exactly the types that remain are allowed.
"""

import copyreg
from typing import Any

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer


def _rebuild_history(log: list[float], count: list[int], max_length: int) -> HistoryBuffer:
    return HistoryBuffer(log, count, max_length)


def _reduce_history(buffer: HistoryBuffer) -> tuple[Any, ...]:
    log, count = buffer.data
    return _rebuild_history, (log.tolist(), count.tolist(), buffer.max_length)


def allow_checkpoints() -> None:
    """Let ``torch.load(weights_only=True)`` read the checkpoints that mmengine writes.

    Idempotent; called when the package is imported.
    """
    copyreg.pickle(HistoryBuffer, _reduce_history)
    scalar = np.float64(0).__reduce__()[0]
    torch.serialization.add_safe_globals(
        [_rebuild_history, HistoryBuffer, scalar, np.dtype, type(np.dtype(np.float64))]  # type: ignore[list-item]
    )
