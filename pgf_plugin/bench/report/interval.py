"""How sure a mean over seeds is."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

LEVEL = 0.95
RESAMPLES = 4000
_TAIL = round((1 - LEVEL) / 2 * RESAMPLES)


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % bootstrap interval (percentiles) of the mean of ``values``, one a seed.

    The same values give the same interval. Returns None for fewer than two values, or where one
    is no finite number.
    """
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    return _bootstrap(tuple(map(float, values)))


@lru_cache(maxsize=4096)  # a report shows many of them in a table and in a chart
def _bootstrap(values: tuple[float, ...]) -> tuple[float, float]:
    means = np.sort(np.array(values)[_draws(len(values))].mean(1))  # (RESAMPLES,)
    return float(means[_TAIL - 1]), float(means[-_TAIL])


@lru_cache(maxsize=16)
def _draws(count: int) -> np.ndarray:
    """(RESAMPLES, count) positions, drawn with replacement."""
    return np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
