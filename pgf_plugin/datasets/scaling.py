"""Standardization of features by statistics of the training split."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.statistics import RunningStatistics, StepStatistics

STD_FLOOR = 1e-6
"""Features whose deviation is smaller, relative to their size, are taken as constant."""

_TILE = 1024
"""Features that are standardized in one run of numpy's innermost loop."""


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
        mean, std = self._tiled
        several = len(mean) // max(1, values.shape[1])
        whole = len(values) - len(values) % max(1, several)
        if several > 1 and values.flags.c_contiguous:
            # numpy's loop over so few features costs more than what it computes.
            _standardize(values[:whole].reshape(-1, len(mean)), mean, std)
            _standardize(values[whole:], self.mean, self.std)
        else:
            _standardize(values, self.mean, self.std)
        return np.clip(values, -self.limit, self.limit, out=values)

    @cached_property
    def _tiled(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation of several steps, one after the other."""
        several = max(1, _TILE // max(1, len(self.mean)))
        return np.tile(self.mean, several), np.tile(self.std, several)


def _standardize(
    values: NDArray[np.float32], mean: NDArray[np.float32], std: NDArray[np.float32]
) -> None:
    np.subtract(values, mean, out=values)
    np.divide(values, std, out=values)
