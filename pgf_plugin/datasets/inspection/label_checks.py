"""Checks of labels."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.checks import LABEL_RANGE
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.inspection.finding import (
    Expectations,
    Finding,
    Severity,
    first_of,
    numbered,
)
from pgf_plugin.datasets.inspection.labels import label_columns
from pgf_plugin.datasets.inspection.survey import Survey
from pgf_plugin.label_scale import other_scale
from pgf_plugin.structures import MODALITIES

_TOLERANCE = 1e-6
"""Of the bounds of a range in float32, as in training."""

_LEARNT = "label"
"""Labels that models learn have this name; others may be missing."""

_OF_ONE = tuple(f"label {name}" for name in MODALITIES)
"""Labels of one modality alone share the scale of the others."""


def check_labels(survey: Survey, expected: Expectations) -> Iterator[Finding]:
    """Yield the problems of every column of labels."""
    if "label" in survey.broken:
        return
    info = survey.table.info
    known = expected.label_range or info.get("label_range")
    bounds = known or LABEL_RANGE
    # Of data without a name, readers guess the range from the labels, and a config may know better.
    sure = expected.label_range or (known and "name" in info)
    severity: Severity = "error" if sure else "warning"
    if expected.label_range is None:  # else it is known
        yield from doubtful_scale(survey.table)
    for name, values in label_columns(survey.table).items():
        column = name.partition("[")[0]
        learnt = column == _LEARNT
        for split in survey.splits.names:
            rows = survey.splits.rows(split)
            where = f"{name}, {split}"
            if learnt:
                yield from _missing(survey, values, rows, where)
                yield from _constant(values[rows], where)
            # Classes, emotions and intervals have ranges of their own.
            if learnt or (known and column in _OF_ONE):
                yield from _outside(survey, values, rows, where, bounds, severity)


def doubtful_scale(table: FeatureTable) -> Iterator[Finding]:
    """Yield what the labels are on, where accuracies of CMU-MOSI's scale say nothing of them."""
    found = other_scale(table.labels)
    if found not in ("classes", "positive"):
        return
    known = table.labels[np.isfinite(table.labels)]
    low, high = f"{known.min():g}", f"{known.max():g}"
    useless = "Acc-2 and F1 of scale='mosi' need negative labels, so that MAE and Corr alone count"
    if found == "classes":
        what = f"every label is a whole number from {low} to {high}: are these classes?"
        advice = (
            f"if so, set label_range=[0,{high}] and use MSAClassificationLoss and "
            f"MSAClassificationMetric; if they are scores, {useless}"
        )
    else:
        what = f"no label is negative, they lie from {low} to {high}"
        advice = (
            f"{useless}: set label_range=[{low},{high}] or what the scale is, or centre it on 0"
        )
    yield Finding("warning", what, "label", len(known), [], advice)


def _missing(
    survey: Survey, values: NDArray[np.float64], rows: NDArray[np.int64], where: str
) -> Iterator[Finding]:
    missing = rows[~np.isfinite(values[rows])]
    if not len(missing):
        return
    whole = len(missing) == len(rows)
    what = "all labels of the split" if whole else f"{numbered(len(missing), 'label')}"
    yield Finding(
        "error",
        f"{what} missing (NaN or inf)",
        where,
        len(missing),
        first_of(survey.table.ids[row] for row in missing),
        "add the labels; is the split meant to be unlabelled, as that of a challenge?"
        if whole
        else "add the labels, or leave these utterances out",
    )


def _constant(values: NDArray[np.float64], where: str) -> Iterator[Finding]:
    finite = values[np.isfinite(values)]
    if len(finite) > 1 and (finite == finite[0]).all():
        advice = "there is nothing to learn, and Corr is not defined: is this the right column?"
        what = f"every label is {finite[0]:g}"
        yield Finding("warning", what, where, len(finite), [], advice)


def _outside(
    survey: Survey,
    values: NDArray[np.float64],
    rows: NDArray[np.int64],
    where: str,
    bounds: Sequence[float],
    severity: Severity,
) -> Iterator[Finding]:
    low, high = bounds
    of_split = values[rows]
    outside = rows[(of_split < low - _TOLERANCE) | (of_split > high + _TOLERANCE)]
    if len(outside):
        extremes = f"{values[outside].min():g} to {values[outside].max():g}"
        yield Finding(
            severity,
            f"{numbered(len(outside), 'label')} outside {low:g} to {high:g}, from {extremes}",
            where,
            len(outside),
            first_of(f"{survey.table.ids[row]} ({values[row]:g})" for row in outside),
            "correct them, or set --label-range, and label_range in a config, to the data's scale",
        )
