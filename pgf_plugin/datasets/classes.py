"""From a sentiment score to the number of its class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.errors import ConfigError, check_one_of

CLASS_COUNTS = (2, 3, 5, 7)
"""Numbers of classes into which scores of -3 … 3 are commonly cut."""


def check_classes(key: str, value: Any) -> int:
    """Return ``value`` if scores can be cut into that many classes.

    Raises:
        ValueError: naming ``key``, the value received, and what is allowed.
    """
    number: int = check_one_of(key, value, CLASS_COUNTS)
    return number


def to_classes(
    labels: NDArray[np.float32], num_classes: int, label_range: tuple[float, float]
) -> NDArray[np.float32]:
    """Cut scores into classes, as MMSA's Acc-7, Acc-5, Acc-3 and Acc-2 (has0) do.

    Of an odd number of classes, 2 b + 1, scores are clipped to [-b, b] and rounded, halves to the
    even neighbour; class 0 is the most negative. Of two, 0 is negative and 1 is zero or positive.

    Args:
        labels: (N, n_out) scores.
        num_classes: one of :data:`CLASS_COUNTS`.
        label_range: smallest and largest score of the data.

    Returns:
        (N, n_out) float32 in 0 … num_classes - 1.

    Raises:
        ConfigError: where the range of the scores does not reach the outermost classes, or the
            labels are the numbers of classes already.
    """
    found = np.unique(labels)
    if np.array_equal(found, np.arange(num_classes)):
        raise ConfigError(
            f"num_classes={num_classes} cuts scores, but the labels are the numbers 0 … "
            f"{num_classes - 1} already: leave num_classes out (num_classes=None), set label_range="
            f"(0, {num_classes - 1}), and the labels are taken for classes by MSAClassificationLoss"
        )
    if num_classes == 2:
        return (labels >= 0).astype(np.float32)
    bound = num_classes // 2
    low, high = label_range
    if low > -bound or high < bound:
        raise ConfigError(
            f"num_classes={num_classes} cuts scores of -{bound} … {bound}, but label_range is "
            f"({low:g}, {high:g}): take fewer classes, or the label_range of the data set's scale"
        )
    return (np.clip(labels, -bound, bound).round() + bound).astype(np.float32)


def always_the_same(labels: NDArray[np.float32], num_classes: int) -> str:
    """Say how accurate it is to name the most frequent class of labels (N, 1) always."""
    _, counts = np.unique(labels, return_counts=True)
    share = counts.max() / len(labels)
    return f"the most frequent of {num_classes} classes, always, has an accuracy of {share:.2f}"
