"""Audio and vision of other utterances: does a model use them at all?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pgf_plugin.datasets.features import FeatureTable, IndexArray
from pgf_plugin.datasets.sequences import SelectedSequences
from pgf_plugin.errors import DataError


def with_foreign(table: FeatureTable, names: Sequence[str], seed: int = 0) -> FeatureTable:
    """Give each utterance the sequences of another one.

    Args:
        table: the utterances of one split.
        names: modalities whose sequences are exchanged; all of them come from the same other one.
        seed: of who gets whose.

    Raises:
        DataError: for a modality that ``table`` lacks, or a single utterance.
    """
    if not names:
        return table
    for name in names:
        if name not in table.sequences:
            raise DataError(
                f"foreign names {name!r}, but the dataset has features of "
                f"{list(table.sequences)} alone: name one of these, or add it to modalities"
            )
    if len(table) < 2:
        raise DataError("foreign needs at least two utterances in a split, got 1")
    rows = partners(len(table), seed)
    foreign = {name: SelectedSequences(table.sequences[name], rows) for name in names}
    times = {name: table.times[name].select(rows) for name in names if name in table.times}
    return replace(table, sequences={**table.sequences, **foreign}, times={**table.times, **times})


def partners(number: int, seed: int) -> IndexArray:
    """For each of ``number`` utterances another one, (number,), drawn by ``seed``.

    They form one circle, so that nobody is its own partner and nobody is taken twice.
    """
    circle = np.random.default_rng(seed).permutation(number)
    rows = np.empty(number, np.int64)
    rows[circle] = np.roll(circle, 1)
    return rows
