"""Sequences of different lengths: in memory, or left in the file until they are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.errors import DataError

IndexArray = NDArray[np.int64]

FLOAT_BYTES = 4


class Sequences(Protocol):
    """What the features of one modality are, wherever they lie.

    ``sequences[i]`` is (T_i, D) float32 and may be a read-only view of a file.
    """

    @property
    def lengths(self) -> IndexArray:
        """Steps of each sequence, (N,)."""

    @property
    def offsets(self) -> IndexArray:
        """(N + 1,); sequence ``i`` has the steps from ``offsets[i]`` to ``offsets[i + 1]``."""

    @property
    def width(self) -> int:
        """Features a step."""

    @property
    def values(self) -> NDArray:
        """All steps, (sum of lengths, D): read into memory where they lie in a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray: ...

    def select(self, rows: IndexArray, max_steps: int | None = None) -> "Sequences":
        """The sequences of ``rows``, each cut to its first ``max_steps`` steps."""

    def blocks(self, max_bytes: int) -> Iterator[NDArray]:
        """Yield all steps in order, in arrays (n, D) of at most ``max_bytes`` as float32."""

    def row_of(self, position: int) -> int:
        """The sequence that holds step ``position`` of ``values``."""


@dataclass(frozen=True)
class RaggedArray:
    """Sequences of different lengths, stored without padding.

    Attributes:
        values: (sum of lengths, D) features, or (sum of lengths,) token ids.
        offsets: (N + 1,) int64; sequence ``i`` is ``values[offsets[i]:offsets[i + 1]]``.
    """

    values: NDArray
    offsets: IndexArray

    @classmethod
    def from_lengths(cls, values: NDArray, lengths: Sequence[int] | NDArray) -> "RaggedArray":
        """Wrap concatenated ``values`` of sequences with these ``lengths``, (N,)."""
        return cls(values, offsets_of(lengths))

    @property
    def lengths(self) -> IndexArray:
        """Steps of each sequence, (N,)."""
        return np.diff(self.offsets)

    @property
    def width(self) -> int:
        """Features a step."""
        return self.values.shape[1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def gather(self, rows: Sequence[int]) -> list[NDArray]:
        """Views of the sequences ``rows``."""
        views = self._views
        return [views[row] for row in rows]

    @cached_property
    def _views(self) -> list[NDArray]:
        return views_of(self.values, self.offsets[:-1], self.offsets[1:])

    def __getstate__(self) -> dict[str, object]:
        # Views would be pickled as copies.
        return {name: value for name, value in vars(self).items() if name != "_views"}

    def positions(self, rows: IndexArray, lengths: IndexArray) -> IndexArray:
        """Indices into ``values`` of the first ``lengths`` steps of ``rows``, concatenated."""
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.repeat(self.offsets[rows], lengths) + within

    def select(self, rows: IndexArray, max_steps: int | None = None) -> "RaggedArray":
        """Copy the sequences of ``rows``, each cut to its first ``max_steps`` steps."""
        lengths = _cut(self.lengths[rows], max_steps)
        return RaggedArray.from_lengths(self.values[self.positions(rows, lengths)], lengths)

    def blocks(self, max_bytes: int) -> Iterator[NDArray]:
        """Yield all steps in order, as views (n, D) of at most ``max_bytes`` as float32."""
        steps = _steps_in(max_bytes, self.width)
        for start in range(0, len(self.values), steps):
            yield self.values[start : start + steps]

    def row_of(self, position: int) -> int:
        """The sequence that holds step ``position`` of ``values``."""
        return _row_of(self.offsets, position)


class LazySequences:
    """Base of sequences that stay in their file: each read takes what it asks for, and no more.

    Subclasses set ``offsets`` (N + 1,) and ``width``, and define ``__getitem__``.
    """

    offsets: IndexArray
    width: int

    @property
    def lengths(self) -> IndexArray:
        """Steps of each sequence, (N,)."""
        return np.diff(self.offsets)

    @property
    def values(self) -> NDArray[np.float32]:
        """All steps, (sum of lengths, D), read into memory with every call."""
        values = np.empty((self.offsets[-1], self.width), np.float32)
        for row, (start, end) in enumerate(zip(self.offsets[:-1], self.offsets[1:], strict=True)):
            values[start:end] = self[row]
        return values

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        raise NotImplementedError

    def select(self, rows: IndexArray, max_steps: int | None = None) -> "Sequences":
        """The sequences of ``rows``, each cut to its first ``max_steps`` steps, not yet read."""
        return SelectedSequences(self, rows, max_steps)

    def blocks(self, max_bytes: int) -> Iterator[NDArray[np.float32]]:
        """Yield all steps in order, in arrays (n, D) of at most ``max_bytes``."""
        steps = _steps_in(max_bytes, self.width)
        pending: list[NDArray] = []
        room = steps
        for row in range(len(self)):
            sequence = self[row]
            while len(sequence):
                pending.append(sequence[:room])
                sequence = sequence[room:]
                room -= len(pending[-1])
                if not room:
                    yield np.concatenate(pending)
                    pending, room = [], steps
        if pending:
            yield np.concatenate(pending)

    def row_of(self, position: int) -> int:
        """The sequence that holds step ``position`` of ``values``."""
        return _row_of(self.offsets, position)


class PaddedArray(LazySequences):
    """Sequences padded to one length, of which only the real steps are ever read.

    Args:
        padded: (N, T, D) numbers of any type; may lie in a memory-mapped file.
        lengths: (N,) real steps of each, at most T.
        from_end: whether the padding comes first.
    """

    def __init__(self, padded: NDArray, lengths: NDArray, *, from_end: bool = False) -> None:
        self.padded = padded
        self.from_end = from_end
        self.offsets = offsets_of(lengths)
        self.width = padded.shape[2]

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        length = self.offsets[index + 1] - self.offsets[index]
        start = self.padded.shape[1] - length if self.from_end else 0
        # Pickles lay arrays at any byte: torch and BLAS want aligned ones.
        return np.require(self.padded[index, start : start + length], np.float32, ["A", "C"])

    def padding(self) -> "PaddedArray":
        """The steps of each that are never read."""
        rest = (self.padded.shape[1] - self.lengths).clip(min=0)
        return PaddedArray(self.padded, rest, from_end=not self.from_end)


class ArrayList(LazySequences):
    """Sequences that are an array each, (T_i, D), of one width D.

    Args:
        arrays: the sequences; numbers of any type, which may lie in memory-mapped files.
        width: D, which no array tells if there is none.
    """

    def __init__(self, arrays: Sequence[NDArray], width: int) -> None:
        self.arrays = arrays
        self.offsets = offsets_of([len(array) for array in arrays])
        self.width = width

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        return np.require(self.arrays[index], np.float32, ["A", "C"])


class JoinedSequences(LazySequences):
    """Several parts, such as splits, one after the other, without a copy.

    Args:
        parts: at least one, all of one width but those without any step, which may have none.

    Raises:
        DataError: if the widths differ.
    """

    def __init__(self, parts: Sequence[Sequences]) -> None:
        widths = sorted({part.width for part in parts if part.width or part.lengths.any()})
        if len(widths) > 1:
            raise DataError(f"the splits differ in their number of features a step: {widths}")
        self.parts = parts
        self.offsets = offsets_of(np.concatenate([part.lengths for part in parts]))
        self.width = next(iter(widths), 0)
        self._starts = offsets_of([len(part) for part in parts])

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        row = range(len(self))[index]
        part = _row_of(self._starts, row)
        sequence = self.parts[part][row - int(self._starts[part])]
        return sequence if len(sequence) else sequence.reshape(0, self.width)


class SelectedSequences(LazySequences):
    """Some sequences of others, cut to a longest length, without a copy.

    Args:
        base: the sequences to choose from.
        rows: (n,) which, in which order.
        max_steps: steps after it are left out.
    """

    def __init__(self, base: Sequences, rows: IndexArray, max_steps: int | None = None) -> None:
        self.base = base
        self.max_steps = max_steps
        self.rows = np.arange(len(base))[rows]
        self.offsets = offsets_of(_cut(base.lengths[rows], max_steps))
        self.width = base.width

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        length = self.offsets[index + 1] - self.offsets[index]
        return self.base[int(self.rows[index])][:length]

    def select(self, rows: IndexArray, max_steps: int | None = None) -> "Sequences":
        """The sequences of ``rows``, cut further, not yet read."""
        limits = [limit for limit in (self.max_steps, max_steps) if limit is not None]
        return SelectedSequences(self.base, self.rows[rows], min(limits, default=None))


def offsets_of(lengths: Sequence[int] | NDArray) -> IndexArray:
    """Where sequences of these ``lengths`` (N,) begin and end once concatenated, (N + 1,)."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def views_of(values: NDArray, starts: IndexArray, ends: IndexArray) -> list[NDArray]:
    """The sequences in ``values``, to be kept: making a view costs half as much as a short copy."""
    bounds = zip(starts.tolist(), ends.tolist(), strict=True)
    return [values[start:end] for start, end in bounds]


def _cut(lengths: IndexArray, max_steps: int | None) -> IndexArray:
    return lengths if max_steps is None else np.minimum(lengths, max_steps)


def _steps_in(max_bytes: int, width: int) -> int:
    return max(1, max_bytes // (FLOAT_BYTES * max(1, width)))


def _row_of(offsets: IndexArray, position: int) -> int:
    return int(np.searchsorted(offsets, position, side="right")) - 1
