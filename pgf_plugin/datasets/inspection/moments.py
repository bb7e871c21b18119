"""Mean, deviation, minimum and maximum of features that come in blocks, without NaN and inf."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float64]


class FeatureMoments:
    """Statistics of each feature over its finite values.

    Blocks are merged by the update of Chan, Golub and LeVeque (1979), which does not cancel where
    a mean is large against its deviation.

    Attributes:
        count: (D,) finite values.
        mean: (D,), 0 without any.
        minimum, maximum: (D,), inf and -inf without any.
    """

    def __init__(self, width: int) -> None:
        self.count = np.zeros(width, np.int64)
        self.mean: Features = np.zeros(width)
        self.minimum: Features = np.full(width, np.inf)
        self.maximum: Features = np.full(width, -np.inf)
        self._squares: Features = np.zeros(width)

    @classmethod
    def joined(cls, parts: Sequence["FeatureMoments"], width: int) -> "FeatureMoments":
        """Statistics of all values of ``parts``."""
        whole = cls(width)
        for part in parts:
            whole._merge(part)
        return whole

    @property
    def std(self) -> Features:
        """(D,) population deviation, 0 without any value."""
        return np.sqrt(self._squares / np.maximum(self.count, 1))

    @property
    def furthest(self) -> Features:
        """(D,) the value that is furthest from the mean, in deviations; 0 where that is none."""
        distance = np.maximum(self.maximum - self.mean, self.mean - self.minimum)
        defined = (self.count > 0) & (self.std > 0)
        return np.divide(distance, self.std, out=np.zeros_like(self.mean), where=defined)

    def update(self, values: NDArray[np.float32]) -> None:
        """Take further steps, (n, D)."""
        block = FeatureMoments(values.shape[1])
        finite = np.isfinite(values)
        wide = np.where(finite, values, 0).astype(np.float64)
        block.count = finite.sum(0)
        block.mean = wide.sum(0) / np.maximum(block.count, 1)
        deviations = np.where(finite, wide - block.mean, 0)
        block._squares = np.einsum("ij,ij->j", deviations, deviations)
        block.minimum = np.where(finite, wide, np.inf).min(0, initial=np.inf)
        block.maximum = np.where(finite, wide, -np.inf).max(0, initial=-np.inf)
        self._merge(block)

    def _merge(self, other: "FeatureMoments") -> None:
        total = self.count + other.count
        share = other.count / np.maximum(total, 1)
        shift = other.mean - self.mean
        self._squares = self._squares + other._squares + shift**2 * self.count * share
        self.mean = self.mean + shift * share
        self.minimum = np.minimum(self.minimum, other.minimum)
        self.maximum = np.maximum(self.maximum, other.maximum)
        self.count = total
