"""Which steps of one sequence overlap which intervals of another, by interval search.

The rule is that of the CMU-MultimodalSDK (``mmsdk``, ``mmdataset.align``): a step belongs to a
reference interval if they share more than :data:`EPSILON` seconds, and is cut to it; a step may
belong to several. ``mmsdk`` compares every reference interval with every step of the video. Here
the steps are sorted by their start, so that the candidates of an interval are one range, found by
bisection: they start before the interval ends, and lie behind the last step at which all ends so
far are before the interval starts. The rule itself is then applied to the candidates alone, in the
arithmetic of ``mmsdk``, so that the result is the same to the last bit.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.sequences import IndexArray, offsets_of

EPSILON = 10e-4
"""Seconds that a step and an interval must share more than."""

_MAX_PAIRS = 1 << 20
"""Candidates that are looked at at once, so that memory stays small whatever the intervals are."""


@dataclass(frozen=True)
class Overlaps:
    """The steps that overlap each of N reference intervals.

    Attributes:
        steps: (P,) indices of steps, those of one interval in the order of their starts.
        intervals: (P, 2) start and end of each, cut to the reference interval.
        offsets: (N + 1,) interval ``i`` has the steps from ``offsets[i]`` to ``offsets[i + 1]``.
    """

    steps: IndexArray
    intervals: NDArray[np.floating]
    offsets: IndexArray

    @property
    def lengths(self) -> IndexArray:
        """Steps that overlap each reference interval, (N,)."""
        return np.diff(self.offsets)

    def of(self, index: int) -> slice:
        """Where the steps of reference interval ``index`` are."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def mean(self, features: NDArray) -> NDArray:
        """Average ``features`` (T, D) over the steps of each interval.

        Returns:
            (N, D) in the precision of ``features``; zeros where there is no step.
        """
        dtype = np.result_type(features, np.float32)
        means = np.zeros((len(self.lengths), features.shape[1]), dtype)
        filled = np.flatnonzero(self.lengths)
        if len(filled):
            starts = self.offsets[filled]
            with np.errstate(invalid="ignore"):  # inf - inf is NaN, as it should be
                sums = np.add.reduceat(features[self.steps], starts, axis=0, dtype=dtype)
            means[filled] = sums / self.lengths[filled, None]
        return means

    def span(self) -> NDArray[np.floating]:
        """First start and last end of the steps of each interval, (N, 2); NaN without a step."""
        spans = np.full((len(self.lengths), 2), np.nan, self.intervals.dtype)
        filled = np.flatnonzero(self.lengths)
        if len(filled):
            starts = self.offsets[filled]
            spans[filled, 0] = np.minimum.reduceat(self.intervals[:, 0], starts)
            spans[filled, 1] = np.maximum.reduceat(self.intervals[:, 1], starts)
        return spans


def find_overlaps(reference: NDArray, intervals: NDArray) -> Overlaps:
    """Find the steps that overlap each reference interval.

    Args:
        reference: (N, 2) start and end in seconds, in any order; none ends before it starts.
            Those shorter than :data:`EPSILON` get no step.
        intervals: (T, 2) of the steps, likewise in any order, gapped, nested or repeated.
    """
    dtype = np.result_type(reference, intervals, np.float32)
    lasts = reference[:, 1] - reference[:, 0] >= EPSILON  # in its own precision, as mmsdk does
    order = np.argsort(intervals[:, 0], kind="stable")
    reference = reference.astype(dtype)
    sorted_steps = intervals[order].astype(dtype)
    low = np.searchsorted(np.maximum.accumulate(sorted_steps[:, 1]), reference[:, 0], "right")
    high = np.searchsorted(sorted_steps[:, 0], reference[:, 1], "left")
    candidates = np.where(lasts, np.maximum(high - low, 0), 0)
    found = [
        _apply_rule(reference[part], sorted_steps, low[part], candidates[part])
        for part in _parts(candidates)
    ]
    return Overlaps(
        steps=order[np.concatenate([each[0] for each in found])],
        intervals=np.concatenate([each[1] for each in found]),
        offsets=offsets_of(np.concatenate([each[2] for each in found])),
    )


def _parts(candidates: IndexArray) -> list[slice]:
    """Cut the reference intervals so that each part has about ``_MAX_PAIRS`` candidates."""
    part = np.cumsum(candidates) // _MAX_PAIRS
    cuts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(candidates)]
    return [slice(start, end) for start, end in pairwise(cuts)]


def _apply_rule(
    reference: NDArray, sorted_steps: NDArray, low: IndexArray, candidates: IndexArray
) -> tuple[IndexArray, NDArray, IndexArray]:
    """Positions in ``sorted_steps`` (P,), intervals (P, 2), steps of each interval (n,)."""
    owner = np.repeat(np.arange(len(reference)), candidates)
    first = np.cumsum(candidates) - candidates
    position = np.arange(len(owner)) - first[owner] + low[owner]
    start = np.maximum(sorted_steps[position, 0], reference[owner, 0])
    end = np.minimum(sorted_steps[position, 1], reference[owner, 1])
    kept = end - start > EPSILON
    lengths = np.bincount(owner[kept], minlength=len(reference))
    return position[kept], np.stack([start[kept], end[kept]], axis=1), lengths
