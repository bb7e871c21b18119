"""Description of the sequences and features of one modality."""

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.inspection.moments import FeatureMoments
from pgf_plugin.datasets.inspection.report import ModalityReport, OddFeature, StepsSplit
from pgf_plugin.datasets.inspection.splits import Splits
from pgf_plugin.datasets.inspection.steps import StepSurvey

LENGTH_BINS = 20

LARGE = 1e4
"""Values beyond it are told."""

SPREAD = 1e3
"""Features that deviate so many times more than the modality's median feature are told."""

FAR = 100.0
"""Values so many deviations away from their feature's mean are told."""


def describe_modality(survey: StepSurvey, splits: Splits) -> ModalityReport:
    """Describe what was seen of one modality."""
    longest = int(survey.lengths.max(initial=0))
    width = -(-(longest + 1) // LENGTH_BINS)
    edges = np.arange(0, longest + 1 + width, width)
    whole = survey.whole
    finite = whole.count > 0
    return ModalityReport(
        width=survey.width,
        length_edges=edges.tolist(),
        splits={name: _describe(survey, splits.rows(name), edges) for name in splits.names},
        constant=constant_features(whole),
        odd=odd_features(whole),
        mean=_numbers(whole.mean, finite),
        std=_numbers(whole.std, finite),
        minimum=_numbers(whole.minimum, finite),
        maximum=_numbers(whole.maximum, finite),
    )


def constant_features(moments: FeatureMoments) -> list[int]:
    """Features that have one value throughout; none where there is a single step."""
    return np.flatnonzero((moments.count > 1) & (moments.minimum == moments.maximum)).tolist()


def odd_features(moments: FeatureMoments) -> list[OddFeature]:
    """Features of extreme scale, each with what is extreme."""
    varying = moments.std > 0
    typical = float(np.median(moments.std[varying])) if varying.any() else 0.0
    largest = np.maximum(np.abs(moments.minimum), np.abs(moments.maximum))
    odd = []
    for feature in np.flatnonzero(moments.count > 0).tolist():
        low, high = moments.minimum[feature], moments.maximum[feature]
        reasons = []
        if largest[feature] > LARGE:
            reasons.append(f"values from {low:.3g} to {high:.3g}")
        if varying[feature] and moments.std[feature] > SPREAD * typical:
            times = moments.std[feature] / typical
            reasons.append(f"deviates {times:,.0f} times more than the median feature")
        if moments.furthest[feature] > FAR:
            reasons.append(f"a value {moments.furthest[feature]:,.0f} deviations from the mean")
        if reasons:
            odd.append(OddFeature(feature, ", ".join(reasons)))
    return odd


def _describe(survey: StepSurvey, rows: NDArray[np.int64], edges: NDArray) -> StepsSplit:
    lengths = survey.lengths[rows]
    steps, longest = int(lengths.sum()), int(lengths.max(initial=0))

    def share(flags: NDArray[np.int64]) -> float:
        return float(flags[rows].sum() / max(steps, 1))

    return StepsSplit(
        sequences=len(rows),
        steps=steps,
        shortest=int(lengths.min(initial=longest)),
        median=float(np.median(lengths)) if len(rows) else 0.0,
        p95=int(np.percentile(lengths, 95, method="higher")) if len(rows) else 0,
        longest=longest,
        histogram=np.histogram(lengths, edges)[0].tolist(),
        padding=1 - steps / (len(rows) * longest) if steps else 0.0,
        zero=share(survey.zero),
        nan=share(survey.nan),
        inf=share(survey.inf),
        empty=int((lengths == 0).sum()),
        all_zero=int(survey.all_zero[rows].sum()),
        repeating=int(survey.repeating[rows].sum()),
        hidden=int((survey.hidden[rows] > 0).sum()),
    )


def _numbers(values: NDArray[np.float64], defined: NDArray[np.bool_]) -> list[float | None]:
    pairs = zip(values, defined, strict=True)
    return [float(f"{value:.6g}") if known else None for value, known in pairs]
