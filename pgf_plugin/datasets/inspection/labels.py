"""Distribution of labels, in the classes that metrics use for their scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.inspection.report import LabelReport, LabelSplit
from pgf_plugin.datasets.inspection.splits import Splits

SENTIMENT = (-3.0, 3.0)
SIMS = (-1.0, 1.0)

SIMS_CLASSES = ("negative", "weakly negative", "neutral", "weakly positive", "positive")
SIMS_EDGES = (-0.7, -0.1, 0.1, 0.7)
"""Classes of CH-SIMS, each with its upper edge, as in MMSA's Acc-5."""

_DECIMALS = 5
"""Labels are rounded to it before they are compared with edges, which float32 has not exactly."""

_BINS = 10


@dataclass(frozen=True)
class Scale:
    """Range of labels and its division into classes.

    Attributes:
        low, high: the range.
        classes: names of the classes, in order.
    """

    low: float
    high: float
    classes: list[str]

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def count(self, values: NDArray[np.float64]) -> list[int]:
        """Count ``values`` by class; those beyond the range belong to the outermost."""
        values = np.clip(np.round(values, _DECIMALS), self.low, self.high)
        if (self.low, self.high) == SENTIMENT:
            places = np.rint(values).astype(np.int64) + 3  # halves to the even class, as in Acc-7
        elif (self.low, self.high) == SIMS:
            places = np.searchsorted(SIMS_EDGES, values, side="left")
        else:
            inner = np.linspace(self.low, self.high, len(self.classes) + 1)[1:-1]
            places = np.searchsorted(inner, values, side="right")
        return np.bincount(places, minlength=len(self.classes)).tolist()


def scale_of(values: NDArray, label_range: Sequence[float] | None = None) -> Scale:
    """Tell the scale of labels from what is known of it, or else from the labels."""
    finite = values[np.isfinite(values)]
    if label_range is not None:
        low, high = float(label_range[0]), float(label_range[1])
    else:
        low, high = _range_of(finite)
    if (low, high) == SENTIMENT:
        return Scale(low, high, [f"{score:+d}" if score else "0" for score in range(-3, 4)])
    if (low, high) == SIMS:
        return Scale(low, high, list(SIMS_CLASSES))
    edges = np.linspace(low, high, (_BINS if low < high else 1) + 1)
    names = [f"{a:.3g}…{b:.3g}" for a, b in pairwise(edges)]
    return Scale(low, high, names)


def label_columns(table: FeatureTable) -> dict[str, NDArray[np.float64]]:
    """Every column of labels, (N,), by name: ``'label'``, or ``'label[0]'`` of several."""
    columns = {}
    for name, labels in {"label": table.labels, **table.extra_labels}.items():
        name = name if name == "label" else f"label {name}"
        for place in range(labels.shape[1]):
            key = name if labels.shape[1] == 1 else f"{name}[{place}]"
            columns[key] = labels[:, place].astype(np.float64)
    return columns


def describe_labels(
    values: NDArray[np.float64], splits: Splits, label_range: Sequence[float] | None
) -> LabelReport:
    """Describe one column of labels, (N,)."""
    scale = scale_of(values, label_range)
    return LabelReport(
        str(scale),
        scale.classes,
        {name: _describe(values[splits.rows(name)], scale) for name in splits.names},
    )


def _describe(values: NDArray[np.float64], scale: Scale) -> LabelSplit:
    finite = values[np.isfinite(values)]
    missing = len(values) - len(finite)
    if not len(finite):
        return LabelSplit(0, missing, None, None, None, None, scale.count(finite))
    low, high, mean = (
        round(float(each), 4) for each in (finite.min(), finite.max(), finite.mean())
    )
    zeros = float((finite == 0).mean())
    return LabelSplit(len(finite), missing, low, high, mean, zeros, scale.count(finite))


def _range_of(finite: NDArray) -> tuple[float, float]:
    if not len(finite):
        return SENTIMENT
    low, high = float(finite.min()), float(finite.max())
    for known in (SIMS, SENTIMENT):
        if known[0] - 1e-6 <= low and high <= known[1] + 1e-6:
            return known
    return low, high
