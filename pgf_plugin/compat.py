"""What mmengine's checkpoints need so that torch loads them without executing anything.

mmengine 0.10.7 calls ``torch.load`` and leaves ``weights_only`` to torch, whose default refuses
the message hub in mmengine's checkpoints: a ``HistoryBuffer`` pickles its own methods, and those
need ``builtins.getattr``, which would let a file reach anything. Here a buffer is pickled as its
plain lists instead, and a function that builds one from lists is allowed.

A message hub also holds what metrics returned, often numpy scalars. numpy's own constructor of
scalars trusts a dtype whose flags the file may have set, and then reads memory that is not the
scalar's. A function that looks at the number type alone takes its place.
"""

import copyreg
from typing import Any

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer

_NUMBERS = "?bhilqBHILQefd"
"""Type codes of numpy's real numbers."""


def _rebuild_history(log: list[float], count: list[int], max_length: int) -> HistoryBuffer:
    return HistoryBuffer(log, count, max_length)


def _reduce_history(buffer: HistoryBuffer) -> tuple[Any, ...]:
    log, count = buffer.data
    return _rebuild_history, (log.tolist(), count.tolist(), buffer.max_length)


def _rebuild_scalar(dtype: np.dtype, raw: bytes) -> np.generic:
    if dtype.char not in _NUMBERS:
        raise TypeError(f"a scalar of type {dtype.char!r} is no number")
    return np.frombuffer(raw, np.dtype(dtype.char), count=1)[0]


def allow_checkpoints() -> None:
    """Let ``torch.load(weights_only=True)`` read the checkpoints that mmengine writes.

    Idempotent; called when the package is imported.
    """
    copyreg.pickle(HistoryBuffer, _reduce_history)
    # numpy 1 and 2 write the same constructor under different names.
    scalars = [(_rebuild_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    dtypes = {type(np.dtype(code)) for code in _NUMBERS}
    torch.serialization.add_safe_globals([_rebuild_history, *scalars, np.dtype, *dtypes])
