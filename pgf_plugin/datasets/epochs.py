"""Indices that know the epoch in which they are drawn.

What is drawn at random for a sample must not hang on which process draws it. A loader's workers
live longer than an epoch and fetch ahead of the training, so neither their own random numbers nor
a counter that the training sets tells them the epoch of a sample. The index does: the sampler
makes it, and it reaches every worker.
"""

from typing import Any


class EpochIndex(int):
    """The index of a sample, and the epoch that it is drawn for.

    Equal to the plain integer, and usable wherever one is. A difference keeps the epoch, because
    that is how torch's ``ConcatDataset`` finds the index in one of its datasets.

    Attributes:
        epoch: the epoch, from 0.
    """

    epoch: int

    def __new__(cls, index: int, epoch: int) -> "EpochIndex":
        self = super().__new__(cls, index)
        self.epoch = epoch
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return EpochIndex, (int(self), self.epoch)

    def __sub__(self, other: int) -> "EpochIndex":
        return EpochIndex(int(self) - other, self.epoch)


def epoch_of(index: int) -> int | None:
    """The epoch that ``index`` is drawn for; None for a plain integer."""
    return index.epoch if isinstance(index, EpochIndex) else None
