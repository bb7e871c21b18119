"""Values that lie beyond the lengths of padded sequences, where nothing reads them."""

import numpy as np

from pgf_plugin.datasets.mapped import streamed
from pgf_plugin.datasets.sequences import (
    IndexArray,
    JoinedSequences,
    PaddedArray,
    SelectedSequences,
    Sequences,
)


def hidden_steps(sequences: Sequences) -> IndexArray:
    """Steps between the length of each sequence, (N,), and the last one that is not zero.

    Only the padding is read, one sequence at a time; sequences that have none hide nothing.
    """
    if isinstance(sequences, JoinedSequences):
        return np.concatenate([hidden_steps(part) for part in sequences.parts])
    if isinstance(sequences, SelectedSequences):
        return hidden_steps(sequences.base)[sequences.rows]
    hidden = np.zeros(len(sequences), np.int64)
    if not isinstance(sequences, PaddedArray):
        return hidden
    for row, padding in enumerate(streamed(sequences.padding())):
        filled = np.flatnonzero((padding != 0).any(1))
        if len(filled):
            hidden[row] = len(padding) - filled[0] if sequences.from_end else filled[-1] + 1
    return hidden
