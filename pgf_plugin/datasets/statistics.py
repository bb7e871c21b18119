"""Mean and deviation of a modality's features, taken in one pass that holds one block at a time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 2 * 2**20
"""Steps are taken together up to this size, as float32."""


@dataclass(frozen=True)
class StepStatistics:
    """Statistics of the features of some steps.

    Attributes:
        count: the number of steps.
        mean: (D,), zero without any step.
        std: (D,) population deviation, zero without any step.
    """

    count: int
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


class RunningStatistics:
    """Takes :class:`StepStatistics` of sequences that come one after the other.

    The steps are taken in blocks of one size, whatever pieces they come in, so that the same steps
    give the same result to the last bit from every kind of file. Blocks are merged by the update of
    Chan, Golub and LeVeque ("Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances", 1979), which does not cancel where the mean is large against the deviation.

    Args:
        width: features a step, D.
    """

    def __init__(self, width: int) -> None:
        self._block_steps = max(1, BLOCK_BYTES // (4 * max(1, width)))
        self._pending: list[NDArray] = []
        self._room = self._block_steps
        self._count = 0
        self._mean = np.zeros(width)
        self._squares = np.zeros(width)

    def update(self, steps: NDArray[np.float32]) -> None:
        """Take further steps, (n, D)."""
        while len(steps):
            self._pending.append(steps[: self._room])
            steps = steps[self._room :]
            self._room -= len(self._pending[-1])
            if not self._room:
                self._merge()

    def result(self) -> StepStatistics:
        """Return the statistics of all steps so far."""
        self._merge()
        std = np.sqrt(self._squares / max(1, self._count))
        return StepStatistics(self._count, self._mean.copy(), std)

    def _merge(self) -> None:
        if not self._pending:
            return
        block = np.concatenate(self._pending, dtype=np.float64)
        self._pending, self._room = [], self._block_steps
        mean = block.mean(0)
        block -= mean
        squares = np.einsum("ij,ij->j", block, block)
        total = self._count + len(block)
        shift = mean - self._mean
        self._mean = self._mean + shift * (len(block) / total)
        self._squares = self._squares + squares + shift**2 * (self._count * len(block) / total)
        self._count = total
