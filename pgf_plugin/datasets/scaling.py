"""Standardization of features by statistics of the training split."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.statistics import RunningStatistics, StepStatistics

STD_FLOOR = 1e-6
"""Features whose deviation is smaller, relative to their mean, are taken as constant."""

_RUN = 2**12
"""Values that are standardized with one call of numpy."""


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
        smallest = np.finfo(np.float32).tiny  # by which a float32 can be divided
        std[std <= np.maximum(STD_FLOOR * np.abs(mean), smallest)] = 1.0
        return cls(mean.astype(np.float32), std.astype(np.float32), limit)

    @classmethod
    def fit(cls, values: NDArray[np.float32], limit: float) -> "FeatureScaler":
        """Standardize by the statistics of ``values``, (steps, D)."""
        running = RunningStatistics(values.shape[1])
        running.update(values)
        return cls.of(running.result(), limit)

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale ``values``, (steps, D)."""
        return np.clip((values - self.mean) / self.std, -self.limit, self.limit)

    def scale_in_place(self, values: NDArray[np.float32]) -> None:
        """Scale ``values``, (steps, D), where they are."""
        if not values.flags.c_contiguous:
            values[...] = self(values)
            return
        # One row of numbers against another: numpy's loop over a few features at a time costs
        # several times what it computes.
        flat, (mean, std) = values.reshape(-1), self._repeated
        for start in range(0, len(flat), len(mean) or 1):
            run = flat[start : start + len(mean)]
            np.subtract(run, mean[: len(run)], out=run)
            np.divide(run, std[: len(run)], out=run)
            run.clip(-self.limit, self.limit, out=run)

    @cached_property
    def _repeated(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation of many steps, one after the other."""
        steps = max(1, _RUN // max(1, len(self.mean)))
        return np.tile(self.mean, steps), np.tile(self.std, steps)
