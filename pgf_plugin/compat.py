"""What mmengine's checkpoints need so that torch loads them without executing anything.

mmengine 0.10.7 calls ``torch.load`` and leaves ``weights_only`` to torch, whose default refuses
the message hub in mmengine's checkpoints: a ``HistoryBuffer`` pickles its own methods, and those
need ``builtins.getattr``, which would let a file reach anything. Here a buffer is pickled as its
plain lists instead, and a function that builds one from lists is allowed.

A message hub also holds what metrics returned, often numpy scalars. numpy's own constructor of
scalars trusts a dtype whose flags the file may have set, and then reads memory that is not the
scalar's. A function that looks at the number type alone takes its place.

mmengine 0.11 and the fork ``onedl-mmengine`` ask torch to execute what a file says; an environment
variable of torch overrules them. The fork also allows ``getattr`` and ``HistoryBuffer`` in its safe
loading, which together execute a file (``getattr.__self__`` is the module ``builtins``, and a
buffer's state may bring its own ``__setstate__``), so its list is emptied.

No loading is safe enough for a resume: every engine then runs ``meta['config']``, a plain string,
as the Python of a config. None of them writes that key, so a file that has it is refused.
"""

import copyreg
import os
import pickle
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import checkpoint as engine

from pgf_plugin.errors import DataError
from pgf_plugin.file_checks import check_archive, state_dict_of

FORCE_SAFE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
"""Environment variable of torch: every ``torch.load`` is safe, whatever its caller says."""

FORCE_UNSAFE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
"""Environment variable of torch: ``torch.load`` executes what a file says, unless told not to."""

CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
"""Environment variable of cuBLAS, without which torch's deterministic mode raises on a GPU."""

_FORK_LIST = "get_torch_safe_globals"
_WANTED = re.compile(r"GLOBAL (\S+)")
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
    # Under names, because the fork's loading takes back the classes that it allows for a while.
    kinds: set[type] = {np.dtype, *(type(np.dtype(code)) for code in _NUMBERS)}
    dtypes = [(kind, f"{kind.__module__}.{kind.__qualname__}") for kind in kinds]
    torch.serialization.add_safe_globals([_rebuild_history, *scalars, *dtypes])


@contextmanager
def only_weights_loaded() -> Iterator[None]:
    """Make every ``torch.load`` of this process, and of those it starts, a safe one.

    Also on engines that ask for the unsafe one, and where the environment does.
    """
    before = {name: os.environ.pop(name, None) for name in (FORCE_SAFE, FORCE_UNSAFE)}
    os.environ[FORCE_SAFE] = "1"
    allowed = getattr(engine, _FORK_LIST, None)
    if allowed is not None:
        setattr(engine, _FORK_LIST, list)
    try:
        yield
    finally:
        if allowed is not None:
            setattr(engine, _FORK_LIST, allowed)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def refusals_told(checkpoint: str | Path | None) -> Iterator[None]:
    """Tell torch's refusal of a file by its name and without advice to execute it.

    Args:
        checkpoint: the file, where torch is not given its name; None where that is not known.

    Raises:
        DataError: if torch refuses or cannot read a file.
    """
    try:
        yield
    except OSError:
        raise  # names its file
    except Exception as error:
        file = _read_by_torch(error)
        if file is None and not isinstance(error, pickle.UnpicklingError):
            raise
        path = file if isinstance(file, str | Path) else checkpoint
        raise DataError(
            f"{path or 'a file of the config'} is not loaded: {_reason(error)}. Nothing was "
            "executed"
        ) from error


def _read_by_torch(error: Exception) -> Any:
    """The file, or stream, that ``torch.load`` was reading when it raised ``error``, or None."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is torch.load.__code__:
            return frame.f_locals["f"]
    return None


def _reason(error: Exception) -> str:
    if not isinstance(error, pickle.UnpicklingError):
        first = (str(error) or type(error).__name__).splitlines()[0]
        return f"it is no checkpoint, or it is damaged ({first!r})"
    if wanted := _WANTED.search(str(error)):
        run = f"loading it would run {wanted[1]!r}"
        return f"{run}, and a checkpoint holds tensors and plain values"
    return "it is no checkpoint, or it holds more than tensors and plain values"


class _CheckedLoading(Hook):
    """Refuses a checkpoint after it is loaded and before the engine uses it.

    That is, the one to begin from: what is loaded after the training, the run itself has written.
    """

    def __init__(self, checkpoint: str | Path | None) -> None:
        self._checkpoint = checkpoint or "a file of the config"
        self._begun = False

    def before_train(self, runner: Any) -> None:
        self._begun = True

    def after_load_checkpoint(self, runner: Any, checkpoint: Any) -> None:
        if self._begun:
            return
        state_dict_of(self._checkpoint, checkpoint)
        meta = checkpoint.get("meta")
        if isinstance(meta, Mapping) and "config" in meta:
            raise DataError(
                f"{self._checkpoint} is not loaded: its meta has a 'config', which a resume would "
                "run as Python. Nothing was executed"
            )


def complete_determinism() -> None:
    """Add to ``randomness=dict(deterministic=True)`` what mmengine leaves out of it.

    To be called after the ``Runner`` is built, which reads the switch, and before it computes.
    """
    if torch.are_deterministic_algorithms_enabled():
        os.environ.setdefault(CUBLAS_WORKSPACE, ":4096:8")


def train_safely(runner: Any, checkpoint: str | Path | None) -> None:
    """Train with a ``Runner``, and refuse a checkpoint that would execute something.

    Args:
        runner: a ``Runner``.
        checkpoint: what it loads or resumes from; None where the config names none.

    Raises:
        DataError: if the file is refused.
    """
    if checkpoint is None and runner.cfg.get("resume"):
        checkpoint = engine.find_latest_checkpoint(runner.work_dir)
    if checkpoint is not None and Path(checkpoint).is_file():
        check_archive(Path(checkpoint))
    runner.register_hook(_CheckedLoading(checkpoint), priority="HIGHEST")
    complete_determinism()
    with only_weights_loaded(), refusals_told(checkpoint):
        runner.train()
