"""One modality of one split as samples hold it: cut, mended and scaled when it is read."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.scaling import FeatureScaler
from pgf_plugin.datasets.scan import zero_nonfinite
from pgf_plugin.datasets.sequences import (
    FLOAT_BYTES,
    IndexArray,
    LazySequences,
    RaggedArray,
    SelectedSequences,
    Sequences,
    offsets_of,
    views_of,
)
from pgf_plugin.datasets.store.arrays import StoredSequences

KEPT_BYTES = 2**25
"""A split's features of one modality are mended and scaled once if they take no more than this."""


class PreparedSequences(LazySequences):
    """A view of raw sequences that are shared with the other splits.

    Nothing is kept of a read, but that batches of a small modality, which is mended or scaled, are
    taken from a copy made for the first of them: every epoch needs it again.

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
        self.width = raw.width

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        return self._read([index])[0]

    def gather(self, rows: Sequence[int]) -> list[NDArray[np.float32]]:
        """Sequences ``rows``, (T_i, D) each."""
        return self._read(rows) if self._kept is None else self._kept.gather(rows)

    def __getstate__(self) -> dict[str, object]:
        # A worker process makes what it needs, or none; views would be pickled as copies.
        made = ("_kept", "_raw_views")
        return {name: value for name, value in vars(self).items() if name not in made}

    @cached_property
    def _kept(self) -> RaggedArray | None:
        """All sequences, mended and scaled; None if that is left to every read."""
        size = int(self.offsets[-1]) * self.width * FLOAT_BYTES
        if self._is_plain or size > KEPT_BYTES:
            return None
        return RaggedArray(self._treated(self._raw_parts(range(len(self)))), self.offsets)

    @property
    def _is_plain(self) -> bool:
        return not self._mend and self._scaler is None

    def _read(self, rows: Sequence[int]) -> list[NDArray[np.float32]]:
        parts = self._raw_parts(rows)
        if self._is_plain:
            return parts
        steps = self._treated(parts)
        ends = offsets_of([len(part) for part in parts])
        return views_of(steps, ends[:-1], ends[1:])

    def _treated(self, parts: Sequence[NDArray]) -> NDArray[np.float32]:
        """All steps of ``parts``, mended and scaled at once, (sum of T_i, D)."""
        steps = np.concatenate(parts)
        if self._mend:
            steps = zero_nonfinite(steps)
        if self._scaler is not None:
            self._scaler.scale_in_place(steps)
        return steps

    def _raw_parts(self, rows: Sequence[int]) -> list[NDArray[np.float32]]:
        raw = self._selected.base
        if not isinstance(raw, (RaggedArray, StoredSequences)):
            return [self._selected[row] for row in rows]
        views = self._raw_views
        return [views[row] for row in rows]

    @cached_property
    def _raw_views(self) -> list[NDArray]:
        """Each sequence as it lies in the values of the raw ones."""
        raw = self._selected.base
        starts = raw.offsets[self._selected.rows]
        return views_of(raw.values, starts, starts + self.lengths)


def gather(sequences: Sequences, rows: Sequence[int]) -> list[NDArray]:
    """Sequences ``rows``, B of them, of any kind."""
    if isinstance(sequences, (PreparedSequences, RaggedArray)):
        return sequences.gather(rows)
    if isinstance(sequences, SelectedSequences) and sequences.max_steps is None:
        return gather(sequences.base, sequences.rows[np.asarray(rows, np.int64)].tolist())
    return [sequences[row] for row in rows]
