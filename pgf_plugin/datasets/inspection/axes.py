"""Whether the axes of features may have been swapped, (N, D, T) for (N, T, D)."""

import numpy as np

from pgf_plugin.datasets.inspection.steps import StepSurvey

_MIN_SEQUENCES = 8
_MIN_FEATURES = 8
_STAIRS = 5
"""Features at which the share of zeros must rise."""

_RISE = 0.2
_NOISE = 0.01
_WIDE = 8
"""So many times wider than long is suspicious, where all sequences have one length."""


def padding_on_features(survey: StepSurvey) -> bool:
    """Whether zeros lie along the features as padding lies along the steps.

    Sequences end at different steps, so that on a padded time axis the share of zeros rises from
    its beginning to its end. Features do not do that by themselves.
    """
    if survey.width < _MIN_FEATURES or not survey.seen or len(survey.lengths) < _MIN_SEQUENCES:
        return False
    share = survey.zeros_of_feature / survey.seen  # (D,)
    rises = np.diff(share)
    return bool(
        (rises > -_NOISE).all()
        and share[-1] - share[0] >= _RISE
        and (rises > _NOISE / 2).sum() >= _STAIRS
    )


def wider_than_long(survey: StepSurvey) -> bool:
    """Whether all sequences have one length of several steps, far below the number of features."""
    lengths = np.unique(survey.lengths[survey.lengths > 0])
    if len(lengths) != 1 or len(survey.lengths) < _MIN_SEQUENCES:
        return False
    return bool(lengths[0] > 1 and survey.width >= _WIDE * lengths[0])
