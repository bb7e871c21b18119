"""Standardization of features by statistics of the training split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.statistics import RunningStatistics, StepStatistics

STD_FLOOR = 1e-6
"""Features whose deviation is smaller, relative to their size, are taken as constant."""


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
    def of(cls, statistics: StepStatistics, limit: float) -> "FeatureScaler":
        """Standardize by ``statistics``; without any step in them nothing is scaled."""
        mean, std = statistics.mean, statistics.std.copy()
        std[std <= STD_FLOOR * np.maximum(np.abs(mean), 1)] = 1.0
        return cls(mean.astype(np.float32), std.astype(np.float32), limit)

    @classmethod
    def fit(cls, values: NDArray[np.float32], limit: float) -> "FeatureScaler":
        """Standardize by the statistics of ``values``, (steps, D)."""
        running = RunningStatistics(values.shape[1])
        running.update(values)
        return cls.of(running.result(), limit)

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale ``values``, (steps, D)."""
        return self.scale_in_place(values.copy())

    def scale_in_place(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale ``values``, (steps, D), where they are, and return them."""
        np.subtract(values, self.mean, out=values)
        np.divide(values, self.std, out=values)
        return np.clip(values, -self.limit, self.limit, out=values)
