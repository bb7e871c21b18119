"""One modality of one split as samples hold it: cut, mended and scaled when it is read."""

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.scaling import FeatureScaler
from pgf_plugin.datasets.scan import zero_nonfinite
from pgf_plugin.datasets.sequences import (
    IndexArray,
    LazySequences,
    RaggedArray,
    SelectedSequences,
    Sequences,
)
from pgf_plugin.datasets.store.arrays import StoredSequences


class PreparedSequences(LazySequences):
    """A view of raw sequences that are shared with the other splits; nothing is kept of a read.

    Args:
        raw: the sequences of all splits.
        rows: (N,) those of this one.
        max_steps: steps after it are cut.
        mend: whether NaN and inf are read as zeros.
        scaler: brings features to scale; None leaves them.
    """

    def __init__(
        self,
        raw: Sequences,
        rows: IndexArray,
        max_steps: int | None = None,
        mend: bool = False,
        scaler: FeatureScaler | None = None,
    ) -> None:
        self._selected = SelectedSequences(raw, rows, max_steps)
        self._mend = mend
        self._scaler = scaler
        self.offsets = self._selected.offsets
        self._lengths = self._selected.lengths
        self._starts = raw.offsets[self._selected.rows]
        self.width = raw.width

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        return self.gather(np.array([index]))[0]

    def gather(self, rows: IndexArray) -> list[NDArray[np.float32]]:
        """Sequences ``rows``, (T_i, D) each: a batch is mended and scaled at once."""
        parts = self._raw_parts(rows)
        if not self._mend and self._scaler is None:
            return parts
        steps = np.concatenate(parts)
        if self._mend:
            steps = zero_nonfinite(steps)
        if self._scaler is not None:
            self._scaler.scale_in_place(steps)
        ends = list(accumulate(map(len, parts)))
        return [steps[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def _raw_parts(self, rows: IndexArray) -> list[NDArray[np.float32]]:
        raw, selected = self._selected.base, self._selected
        if not isinstance(raw, (RaggedArray, StoredSequences)):
            return [selected[row] for row in rows.tolist()]
        starts = self._starts[rows]
        return _slices(raw.values, starts, starts + self._lengths[rows])


def gather(sequences: Sequences, rows: IndexArray) -> list[NDArray]:
    """Sequences ``rows``, (B,), of any kind."""
    if isinstance(sequences, PreparedSequences):
        return sequences.gather(rows)
    if isinstance(sequences, RaggedArray):
        return _slices(sequences.values, sequences.offsets[rows], sequences.offsets[rows + 1])
    return [sequences[row] for row in rows.tolist()]


def _slices(values: NDArray, starts: IndexArray, ends: IndexArray) -> list[NDArray]:
    """Views of ``values``; plain integers slice several times faster than numpy's."""
    return [values[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
