"""One modality of one split as samples hold it: cut, mended and scaled when it is read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.scaling import FeatureScaler
from pgf_plugin.datasets.scan import zero_nonfinite
from pgf_plugin.datasets.sequences import (
    IndexArray,
    LazySequences,
    SelectedSequences,
    Sequences,
)


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
        self.width = raw.width

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        return self.gather([index])[0]

    def gather(self, indices: Sequence[int]) -> list[NDArray[np.float32]]:
        """Sequences ``indices``, (T_i, D) each: a batch is scaled at once, not one by one."""
        parts = [self._selected[index] for index in indices]
        if not self._mend and self._scaler is None:
            return parts
        steps = np.concatenate(parts)
        if self._mend:
            steps = zero_nonfinite(steps)
        if self._scaler is not None:
            self._scaler.scale_in_place(steps)
        ends = np.cumsum([len(part) for part in parts])
        return np.split(steps, ends[:-1])
