"""Files that are mapped into memory: what was read of them need not stay resident."""

import mmap
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.sequences import (
    ArrayList,
    JoinedSequences,
    LazySequences,
    PaddedArray,
    SelectedSequences,
    Sequences,
)

RELEASE_BYTES = 2**23
"""A pass over a mapped file gives its pages back whenever it has read this much."""


def streamed(sequences: Sequences) -> Iterator[NDArray]:
    """Yield each of ``sequences``, (T_i, D), and keep little of their file resident meanwhile."""
    maps = list({id(each): each for each in _maps(sequences)}.values())
    pending = 0
    for row in range(len(sequences)):
        sequence = sequences[row]
        yield sequence
        pending += sequence.nbytes
        if pending >= RELEASE_BYTES:
            _release(maps)
            pending = 0
    _release(maps)


def _release(maps: Iterable[mmap.mmap]) -> None:
    """Give the pages back; they are read again from the file, or its cache, where needed."""
    for mapped in maps:
        mapped.madvise(mmap.MADV_DONTNEED)


def _maps(sequences: Sequences) -> Iterator[mmap.mmap]:
    """The maps behind ``sequences`` whose pages can be given back without loss."""
    if not hasattr(mmap, "MADV_DONTNEED"):  # as on Windows
        return
    for array in _arrays(sequences):
        base: Any = array
        while isinstance(base, np.ndarray) and base.base is not None:
            base = base.base
        base = base.obj if isinstance(base, memoryview) else base
        # What was written into a private copy would be lost.
        if isinstance(base, mmap.mmap) and memoryview(base).readonly:
            yield base


def _arrays(sequences: Sequences) -> Iterable[NDArray]:
    if isinstance(sequences, JoinedSequences):
        return [array for part in sequences.parts for array in _arrays(part)]
    if isinstance(sequences, SelectedSequences):
        return _arrays(sequences.base)
    if isinstance(sequences, PaddedArray):
        return [sequences.padded]
    if isinstance(sequences, ArrayList):
        return sequences.arrays
    if isinstance(sequences, LazySequences):  # it may compute its values, and does not say
        return []
    return [sequences.values]
