"""The sequences of one modality in one ``.npy`` file: written in a stream, read through a map."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pgf_plugin.datasets.mapped import streamed
from pgf_plugin.datasets.sequences import IndexArray, LazySequences, Sequences
from pgf_plugin.datasets.statistics import RunningStatistics, StepStatistics
from pgf_plugin.errors import DataError

Treatment = Literal["refuse", "zero", "drop"]
"""What becomes of steps that hold NaN or inf: an error, zeros in place of these, left out."""

TREATMENTS: tuple[Treatment, ...] = ("refuse", "zero", "drop")
DTYPE = "<f4"
_BUFFER_BYTES = 2**20


class StoredSequences(LazySequences):
    """Sequences in a file of a store, mapped into memory: finite, read-only, without padding.

    They pickle as the path, so that worker processes map the file again and share its pages.

    Args:
        path: the ``.npy`` file, (steps, D) float32.
        offsets: (N + 1,); sequence ``i`` has the steps from ``offsets[i]`` to ``offsets[i + 1]``.
        statistics: split column to the statistics of its training split.

    Raises:
        DataError: if the file is missing, damaged, or does not have the steps of ``offsets``.
    """

    def __init__(
        self,
        path: Path,
        offsets: IndexArray,
        statistics: Mapping[str, StepStatistics],
    ) -> None:
        self.path = path
        self.offsets = offsets
        self.statistics = dict(statistics)
        self._values = _map(path)
        self.width = self._values.shape[1]
        if len(self._values) != offsets[-1]:
            raise DataError(
                f"{path} has {len(self._values)} steps, but the manifest says {offsets[-1]}: the "
                "store is damaged, convert the source again (pgf data convert --force)"
            )

    @property
    def values(self) -> NDArray[np.float32]:
        """All steps, (sum of lengths, D), still in their file."""
        return self._values

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        return self._values[self.offsets[index] : self.offsets[index + 1]]

    def __reduce__(self):
        return type(self), (self.path, self.offsets, self.statistics)


@dataclass(frozen=True)
class Written:
    """What was written of one modality.

    Attributes:
        lengths: (N,) steps of each sequence.
        nonfinite: values of NaN or inf that the source had.
        first_nonfinite: the first sequence that had one.
        statistics: split column to the statistics of its training split.
    """

    lengths: IndexArray
    nonfinite: int
    first_nonfinite: int | None
    statistics: dict[str, StepStatistics]


def write_sequences(
    path: Path, sequences: Sequences, treatment: Treatment, training: Mapping[str, NDArray]
) -> Written:
    """Write ``sequences`` one by one.

    Args:
        path: the ``.npy`` file to write.
        sequences: N sequences (T_i, D).
        treatment: of NaN and inf; with ``'refuse'`` they are counted, and the file is of no use.
        training: split column to (N,) bool, True for the utterances of its training split.
    """
    running = {column: RunningStatistics(sequences.width) for column in training}
    lengths = np.zeros(len(sequences), np.int64)
    nonfinite, first = 0, None
    with path.open("wb", _BUFFER_BYTES) as file:
        _write_header(file, 0, sequences.width)
        for row, raw in enumerate(streamed(sequences)):
            sequence, bad = _treated(raw, treatment)
            if bad:
                nonfinite += bad
                first = row if first is None else first
            lengths[row] = len(sequence)
            file.write(sequence.data)
            for column, members in training.items():
                if members[row]:
                    running[column].update(sequence)
        # The header leaves room for the number of steps to grow, which is known only now.
        file.seek(0)
        _write_header(file, int(lengths.sum()), sequences.width)
    statistics = {column: each.result() for column, each in running.items()}
    return Written(lengths, nonfinite, first, statistics)


def _treated(sequence: NDArray, treatment: Treatment) -> tuple[NDArray[np.float32], int]:
    """The sequence as it is written, and how many values of NaN or inf it had."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and is counted
        values = np.ascontiguousarray(sequence, DTYPE)
    finite = np.isfinite(values)
    if finite.all():
        return values, 0
    bad = int(values.size - finite.sum())
    if treatment == "drop":
        return values[finite.all(axis=1)], bad
    return np.where(finite, values, np.float32(0)), bad


def _write_header(file: BinaryIO, steps: int, width: int) -> None:
    header = {"descr": DTYPE, "fortran_order": False, "shape": (steps, width)}
    npy.write_array_header_1_0(file, header)


def _map(path: Path) -> NDArray[np.float32]:
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(
            f"the store lacks {path}: convert the source again (pgf data convert --force)"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} is damaged ({error}): convert the source again (pgf data convert --force)"
        ) from error
    if mapped.ndim != 2 or mapped.dtype != np.dtype(DTYPE) or not mapped.flags.c_contiguous:
        raise DataError(
            f"{path} must hold (steps, D) float32, got {mapped.shape} {mapped.dtype}: convert the "
            "source again (pgf data convert --force)"
        )
    return np.asarray(mapped)  # slices of a plain array are several times cheaper than of a memmap
