"""Metrics of sentiment as pure functions of predictions and labels.

They need neither mmengine nor a model, and take tensors, arrays or lists. All results are
fractions, never per cent. The definitions are those of MMSA's ``MetricsTop``
(https://github.com/thuiar/MMSA), so that numbers can be set beside published ones: classes are cut
in the precision in which the values are given, means are taken in float64. Where MMSA gives NaN,
stops, or is wrong, this is what the functions do:

- Corr is 0.0 where predictions or labels are constant, which includes a single sample: a collapsed
  model has found no linear relation. MMSA gives NaN.
- Acc2_non0 and F1_non0 are NaN where every label is zero: there is nothing to be right about. MMSA
  raises IndexError.
- Of three classes, Acc2_non0 compares negative with negative and positive with positive. MMSA
  compares the predictions {0, 1} with the labels {0, 2}: 0.4 for perfect predictions of two
  negative and three positive samples.
- No samples, a NaN or an infinity raise: a diverged run must not end in a number.

``msa_metrics(…, reproduce_mmsa=True)`` gives MMSA's value in the first and the third case.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pgf_plugin.evaluation.inputs import Values, as_class_pair, as_pair

SIMS_TWO = (0.0,)
SIMS_THREE = (-0.1, 0.1)
SIMS_FIVE = (-0.7, -0.1, 0.1, 0.7)
"""Upper bounds of CH-SIMS's classes but the last; a bound belongs to the class that it ends."""


def mean_absolute_error(prediction: Values, label: Values) -> float:
    """Mean of ``|prediction - label|``, in units of the label."""
    predicted, true = as_pair(prediction, label)
    return float((predicted.double() - true.double()).abs().mean())


def pearson_correlation(prediction: Values, label: Values, *, constant: float = 0.0) -> float:
    """Pearson's r in [-1, 1]; ``constant`` where either side is constant."""
    predicted, true = as_pair(prediction, label)
    if bool((predicted == predicted[0]).all() or (true == true[0]).all()):
        return constant
    return float(torch.corrcoef(torch.stack([predicted.double(), true.double()]))[0, 1])


def rounded_accuracy(prediction: Values, label: Values, bound: int) -> float:
    """Share of samples whose score falls into the class of the label.

    Both sides are clipped to ``[-bound, bound]`` and rounded, halves to the even neighbour, which
    makes ``2 * bound + 1`` classes: Acc-7 has bound 3, Acc-5 bound 2.
    """
    predicted, true = as_pair(prediction, label)
    same = predicted.clamp(-bound, bound).round() == true.clamp(-bound, bound).round()
    return float(same.double().mean())


def binary_accuracy(prediction: Values, label: Values, *, zeros: bool) -> float:
    """Share of samples with the right polarity.

    Args:
        prediction: scores, (N,).
        label: labels, (N,).
        zeros: True for ``has0``, negative against non-negative (``>= 0`` on both sides); False
            for ``non0``, negative against positive (``> 0``) without the samples labelled zero.

    Returns:
        A fraction, or NaN where no sample is left.
    """
    predicted, true = _polarity(prediction, label, zeros)
    return _accuracy(predicted, true)


def binary_f1(prediction: Values, label: Values, *, zeros: bool) -> float:
    """F1 of the polarity, averaged over the two classes by their number of labels.

    Arguments and the NaN case are those of :func:`binary_accuracy`.
    """
    predicted, true = _polarity(prediction, label, zeros)
    return _weighted_f1(predicted.long(), true.long(), 2)


def binned_accuracy(prediction: Values, label: Values, bounds: Sequence[float]) -> float:
    """Share of samples whose score, clipped to [-1, 1], falls into the class of the label.

    Args:
        prediction: scores, (N,).
        label: labels, (N,).
        bounds: increasing upper bounds of the classes but the last, such as :data:`SIMS_FIVE`.
    """
    predicted, true = _binned(prediction, label, bounds)
    return _accuracy(predicted, true)


def binned_f1(prediction: Values, label: Values, bounds: Sequence[float]) -> float:
    """F1 over the classes of :func:`binned_accuracy`, averaged by their number of labels."""
    predicted, true = _binned(prediction, label, bounds)
    return _weighted_f1(predicted, true, len(bounds) + 1)


def clipped(
    metric: Callable[..., float], prediction: Values, label: Values, **kwargs: Any
) -> float:
    """``metric`` of both sides clipped to [-1, 1], as MMSA does on CH-SIMS."""
    predicted, true = as_pair(prediction, label)
    return metric(predicted.clamp(-1, 1), true.clamp(-1, 1), **kwargs)


def class_accuracy(scores: Values, label: Values, num_classes: int = 3) -> float:
    """Share of samples whose highest score is that of their class.

    Args:
        scores: (N, C).
        label: classes 0 … C - 1, (N,) or (N, 1).
        num_classes: C.
    """
    values, true = as_class_pair(scores, label, num_classes)
    return _accuracy(values.argmax(dim=1), true)


def class_f1(scores: Values, label: Values, num_classes: int = 3) -> float:
    """F1 over the classes of :func:`class_accuracy`, averaged by their number of labels."""
    values, true = as_class_pair(scores, label, num_classes)
    return _weighted_f1(values.argmax(dim=1), true, num_classes)


def polar_accuracy(
    scores: Values, label: Values, *, zeros: bool, reproduce_mmsa: bool = False
) -> float:
    """Accuracy of negative (class 0) against positive (class 2) by their two scores alone.

    Args:
        scores: scores of negative, neutral, positive, (N, 3).
        label: classes 0, 1 and 2, (N,) or (N, 1).
        zeros: True for ``has0``, where neutral labels count as negative; False for ``non0``,
            without them.
        reproduce_mmsa: for ``non0``, compare predictions in {0, 1} with labels in {0, 2}.

    Returns:
        A fraction, or NaN where no sample is left.
    """
    return _accuracy(*_polar(scores, label, zeros, reproduce_mmsa))


def polar_f1(scores: Values, label: Values, *, zeros: bool, reproduce_mmsa: bool = False) -> float:
    """Weighted F1 of what :func:`polar_accuracy` compares."""
    return _weighted_f1(*_polar(scores, label, zeros, reproduce_mmsa), num_classes=3)


def _accuracy(predicted: Tensor, true: Tensor) -> float:
    return float((predicted == true).double().mean())


def _weighted_f1(predicted: Tensor, true: Tensor, num_classes: int) -> float:
    from torchmetrics.functional.classification import multiclass_f1_score

    if len(true) == 0:
        return math.nan
    return float(multiclass_f1_score(predicted, true, num_classes=num_classes, average="weighted"))


def _polarity(prediction: Values, label: Values, zeros: bool) -> tuple[Tensor, Tensor]:
    predicted, true = as_pair(prediction, label)
    if zeros:
        return predicted >= 0, true >= 0
    labelled = true != 0
    return predicted[labelled] > 0, true[labelled] > 0


def _binned(prediction: Values, label: Values, bounds: Sequence[float]) -> tuple[Tensor, Tensor]:
    predicted, true = (
        torch.bucketize(values.clamp(-1, 1), torch.tensor(bounds, dtype=values.dtype))
        for values in as_pair(prediction, label)
    )
    return predicted, true


def _polar(
    scores: Values, label: Values, zeros: bool, reproduce_mmsa: bool
) -> tuple[Tensor, Tensor]:
    values, true = as_class_pair(scores, label, 3)
    kept = torch.ones_like(true, dtype=torch.bool) if zeros else true != 1
    predicted = values[kept][:, [0, 2]].argmax(dim=1)
    positive = (true[kept] == 2).long()
    return predicted, 2 * positive if reproduce_mmsa and not zeros else positive
