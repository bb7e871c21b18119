"""Standardization of features by statistics of the training split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STD_FLOOR = 1e-6
"""Features whose deviation is smaller, relative to their size, are taken as constant."""

CHUNK_STEPS = 65536


@dataclass(frozen=True)
class FeatureScaler:
    """``clip((x - mean) / std, -limit, limit)`` for each feature.

    Attributes:
        mean: (D,).
        std: (D,), 1 for features that are constant in the training split.
        limit: bound in standard deviations; features from feature extractors have outliers of
            hundreds of them; infinity for no bound.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    limit: float

    @classmethod
    def fit(cls, values: NDArray[np.float32], limit: float) -> "FeatureScaler":
        """Take the statistics of ``values``, (steps, D); without any step nothing is scaled."""
        if not len(values):
            width = values.shape[1]
            return cls(np.zeros(width, np.float32), np.ones(width, np.float32), limit)
        mean = values.mean(0, dtype=np.float64)
        total = np.zeros_like(mean)
        for start in range(0, len(values), CHUNK_STEPS):  # bounds the float64 copies
            total += ((values[start : start + CHUNK_STEPS] - mean) ** 2).sum(0)
        std = np.sqrt(total / len(values))
        std[std <= STD_FLOOR * np.maximum(np.abs(mean), 1)] = 1.0
        return cls(mean.astype(np.float32), std.astype(np.float32), limit)

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale ``values``, (steps, D)."""
        return np.clip((values - self.mean) / self.std, -self.limit, self.limit)
