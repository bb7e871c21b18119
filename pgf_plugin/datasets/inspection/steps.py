"""One pass over the sequences of a modality, a block of steps in memory at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import IndexArray, Sequences
from pgf_plugin.datasets.hidden import hidden_steps
from pgf_plugin.datasets.inspection.moments import FeatureMoments

BLOCK_BYTES = 4 * 2**20


@dataclass
class StepSurvey:
    """What was seen of the steps of one modality.

    Attributes:
        width: features a step, D.
        lengths: (N,) steps of each utterance.
        moments: statistics of the features, a split each.
        zero, nan, inf: (N,) steps of each utterance that are zero throughout, or hold NaN or inf.
        changes: (N,) steps that differ from the one before.
        zeros_of_feature: (D,) values that are zero.
        hidden: (N,) steps beyond the length of each utterance, up to the last that is not zero.
        seen: steps that were read.
    """

    width: int
    lengths: IndexArray
    moments: list[FeatureMoments]
    zero: IndexArray = field(init=False)
    nan: IndexArray = field(init=False)
    inf: IndexArray = field(init=False)
    changes: IndexArray = field(init=False)
    zeros_of_feature: IndexArray = field(init=False)
    hidden: IndexArray = field(init=False)
    seen: int = 0

    def __post_init__(self) -> None:
        count = len(self.lengths)
        self.zero, self.nan, self.inf, self.changes, self.hidden = np.zeros((5, count), np.int64)
        self.zeros_of_feature = np.zeros(self.width, np.int64)

    @property
    def whole(self) -> FeatureMoments:
        """Statistics of the features over all splits."""
        return FeatureMoments.joined(self.moments, self.width)

    @property
    def all_zero(self) -> NDArray[np.bool_]:
        """(N,) utterances that have steps, all of them zero throughout."""
        return (self.lengths > 0) & (self.zero == self.lengths)

    @property
    def repeating(self) -> NDArray[np.bool_]:
        """(N,) utterances of several steps that are all the same, but not zero."""
        return (self.lengths > 1) & (self.changes == 0) & ~self.all_zero


def survey_steps(
    sequences: Sequences, codes: IndexArray, num_splits: int, *, zero_padded: bool
) -> StepSurvey:
    """Read every step of ``sequences`` once.

    Args:
        sequences: N sequences, in memory or in their file.
        codes: (N,) split of each.
        num_splits: number of splits.
        zero_padded: whether padding is zero, as it is not in the features that BERT has of it; it
            is then read too.

    Raises:
        DataError: if a sequence cannot be read.
    """
    moments = [FeatureMoments(sequences.width) for _ in range(num_splits)]
    survey = StepSurvey(sequences.width, sequences.lengths, moments)
    if zero_padded:
        survey.hidden = hidden_steps(sequences)
    before: tuple[int, NDArray] | None = None
    for rows, block in _blocks_of_rows(sequences):
        _count_steps(survey, rows, block)
        _count_changes(survey, rows, block, before)
        before = (int(rows[-1]), block[-1].copy())
        for split in np.unique(codes[rows]):
            of_split = codes[rows] == split
            moments[split].update(block if of_split.all() else block[of_split])
    return survey


def _blocks_of_rows(sequences: Sequences) -> Iterator[tuple[IndexArray, NDArray]]:
    """Yield the sequence of each step, (n,), and the steps, (n, D); no step beyond the last."""
    offsets, start = sequences.offsets, 0
    for block in sequences.blocks(BLOCK_BYTES):
        block = block[: int(offsets[-1]) - start]
        if not len(block):
            return
        end = start + len(block)
        first, last = sequences.row_of(start), sequences.row_of(end - 1)
        inside = np.clip(offsets[first : last + 2], start, end)
        yield np.repeat(np.arange(first, last + 1), np.diff(inside)), block
        start = end


def _count_steps(survey: StepSurvey, rows: IndexArray, block: NDArray) -> None:
    zero_values = block == 0
    count = len(survey.lengths)
    for total, flags in (
        (survey.zero, zero_values.all(1)),
        (survey.nan, np.isnan(block).any(1)),
        (survey.inf, np.isinf(block).any(1)),
    ):
        total += np.bincount(rows[flags], minlength=count)
    survey.zeros_of_feature += zero_values.sum(0)
    survey.seen += len(block)


def _count_changes(
    survey: StepSurvey, rows: IndexArray, block: NDArray, before: tuple[int, NDArray] | None
) -> None:
    differs = (block[1:] != block[:-1]).any(1) & (rows[1:] == rows[:-1])
    survey.changes += np.bincount(rows[1:][differs], minlength=len(survey.lengths))
    if before is not None and before[0] == rows[0] and (block[0] != before[1]).any():
        survey.changes[rows[0]] += 1
