"""Checks of the features of each modality."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.checks import canonical_split
from pgf_plugin.datasets.features import FeatureTable, IndexArray
from pgf_plugin.datasets.inspection.axes import padding_on_features, wider_than_long
from pgf_plugin.datasets.inspection.features import constant_features, odd_features
from pgf_plugin.datasets.inspection.finding import Expectations, Finding, first_of, numbered
from pgf_plugin.datasets.inspection.splits import Splits
from pgf_plugin.datasets.inspection.steps import StepSurvey
from pgf_plugin.datasets.inspection.survey import ZERO_PADDED, Survey
from pgf_plugin.structures import MODALITIES

MANY_ZERO = 0.25
"""A larger share of zero steps is told."""


def check_features(survey: Survey, expected: Expectations) -> Iterator[Finding]:
    """Yield the problems of every modality."""
    yield from _absent(survey, expected)
    if not survey.modalities and len(survey.table) and not any(survey.table.texts):
        advice = "a model needs at least one modality: is this the file of the labels alone?"
        yield Finding("error", "neither features nor texts", "file", 0, [], advice)
    for name, steps in survey.modalities.items():
        yield from _width(name, steps, expected)
        yield from _axes(name, steps)
        if steps.seen < steps.lengths.sum():
            yield _beyond(name, steps)
        for split in survey.splits.names:
            rows = survey.splits.rows(split)
            yield from _nonfinite(survey, name, rows, f"{name}, {split}")
            yield from _without_content(survey, name, rows, f"{name}, {split}")
        if name in ZERO_PADDED:
            yield from hidden_values(survey.table, survey.splits, name, steps.hidden)
        yield from _constant(survey, name)
        yield from _scale(name, steps)


def hidden_values(
    table: FeatureTable, splits: Splits, name: str, hidden: IndexArray
) -> Iterator[Finding]:
    """Yield, by split, where modality ``name`` has ``hidden`` steps (N,) beyond its lengths."""
    lengths = table.sequences[name].lengths
    for split in splits.names:
        rows = splits.rows(split)
        rows = rows[hidden[rows] > 0]
        if len(rows):
            worst = rows[hidden[rows].argmax()]
            reach = f"{lengths[worst] + hidden[worst]:,} instead of {lengths[worst]:,} steps"
            yield Finding(
                "warning",
                f"{numbered(len(rows), 'utterance')} with values beyond the length that the file "
                f"tells, which are not read; at most {reach}",
                f"{name}, {split}",
                len(rows),
                first_of(table.ids[row] for row in rows),
                "correct the lengths: are they those of another modality or frame rate?",
            )


def _absent(survey: Survey, expected: Expectations) -> Iterator[Finding]:
    for name in [each for each in MODALITIES if each in expected.feature_dims]:
        if name not in survey.modalities and name not in survey.broken:
            has = ", ".join(survey.modalities) or "none"
            advice = "take it out of modalities and feature_dims, or add its features"
            yield Finding(
                "error", f"expected, but there are features of: {has}", name, 1, [], advice
            )


def _width(name: str, steps: StepSurvey, expected: Expectations) -> Iterator[Finding]:
    width = expected.feature_dims.get(name, steps.width)
    if width != steps.width:
        yield Finding(
            "error",
            f"{numbered(steps.width, 'feature')} a step, expected {width}",
            name,
            steps.width,
            [],
            f"set feature_dims.{name}={steps.width} in the config, or find the other features",
        )


def _axes(name: str, steps: StepSurvey) -> Iterator[Finding]:
    shape = f"the longest sequence is ({steps.lengths.max(initial=0)}, {steps.width})"
    advice = "features are (utterances, steps, features): swap the last two axes if they are not"
    if padding_on_features(steps):
        what = f"zeros lie along the features as padding lies along steps; {shape}"
        yield Finding("error", f"axes in another order: {what}", name, steps.width, [], advice)
    elif name != "text" and wider_than_long(steps):
        what = f"every sequence has the same few steps; {shape}"
        yield Finding("warning", f"axes may be swapped: {what}", name, steps.width, [], advice)


def _beyond(name: str, steps: StepSurvey) -> Finding:
    told = int(steps.lengths.sum())
    return Finding(
        "error",
        f"lengths beyond the array: they sum up to {told:,} steps, {steps.seen:,} are there",
        name,
        told - steps.seen,
        [],
        "the file is inconsistent or cut off: extract the features again",
    )


def _nonfinite(survey: Survey, name: str, rows: NDArray[np.int64], where: str) -> Iterator[Finding]:
    steps = survey.modalities[name]
    for kind, found in (("NaN", steps.nan), ("inf", steps.inf)):
        affected = rows[found[rows] > 0]
        if len(affected):
            number = numbered(int(found[affected].sum()), "step")
            yield Finding(
                "error",
                f"{kind} in {number} of {numbered(len(affected), 'utterance')}",
                where,
                int(found[affected].sum()),
                first_of(survey.table.ids[row] for row in affected),
                "correct them, or read them as zeros (nonfinite='zero'), as MMSA does with -inf",
            )


def _without_content(
    survey: Survey, name: str, rows: NDArray[np.int64], where: str
) -> Iterator[Finding]:
    steps = survey.modalities[name]
    empty, zero = rows[steps.lengths[rows] == 0], rows[steps.all_zero[rows]]
    if len(rows) and len(empty) + len(zero) == len(rows):
        what = f"no utterance has features: {len(zero):,} all zero, {len(empty):,} without a step"
        advice = "the extraction failed: do it again, or leave the modality out"
        ids = first_of(survey.table.ids[row] for row in rows)
        yield Finding("error", what, where, len(rows), ids, advice)
        return
    yield from _zero_steps(steps, rows, where)
    masked = "steps that are missing should not be there"
    for affected, what, advice in (
        (zero, "{} nothing but zeros", f"no face or voice was found? {masked}"),
        (empty, "{} without a step", "models see them as a missing modality"),
        (rows[steps.repeating[rows]], "{} of several steps, all the same", "is this meant?"),
    ):
        if len(affected):
            text = what.format(numbered(len(affected), "utterance"))
            ids = first_of(survey.table.ids[row] for row in affected)
            yield Finding("warning", text, where, len(affected), ids, advice)


def _zero_steps(steps: StepSurvey, rows: NDArray[np.int64], where: str) -> Iterator[Finding]:
    """Steps of zeros in sequences that have others too: padding, if there are many."""
    filled = rows[~steps.all_zero[rows]]
    zero, total = int(steps.zero[filled].sum()), int(steps.lengths[filled].sum())
    if zero > MANY_ZERO * total:
        what = f"{zero / total:.0%} of the steps are zero throughout"
        advice = "padding taken for steps? Some files, as those of MulT, pad before the sequence"
        yield Finding("warning", what, where, zero, [], advice)


def _constant(survey: Survey, name: str) -> Iterator[Finding]:
    steps = survey.modalities[name]
    everywhere = constant_features(steps.whole)
    if everywhere and len(everywhere) < steps.width:  # all of them zero is told by split
        what = f"{numbered(len(everywhere), 'feature')} constant"
        advice = "they carry nothing; harmless, unless they should"
        yield Finding("warning", what, name, len(everywhere), first_of(everywhere), advice)
    for split, moments in zip(survey.splits.names, steps.moments, strict=True):
        alone = sorted(set(constant_features(moments)) - set(everywhere))
        if alone and canonical_split(split) == "train":
            what = f"{numbered(len(alone), 'feature')} constant here, but not in other splits"
            advice = "models meet values that they never saw, not standardized: mend the extraction"
            where = f"{name}, {split}"
            yield Finding("warning", what, where, len(alone), first_of(alone), advice)


def _scale(name: str, steps: StepSurvey) -> Iterator[Finding]:
    odd = odd_features(steps.whole)
    if odd:
        yield Finding(
            "warning",
            f"{numbered(len(odd), 'feature')} of extreme scale",
            name,
            len(odd),
            first_of(f"{each.feature} ({each.why})" for each in odd),
            "keep normalize and clip_std on, or mend the extraction",
        )
