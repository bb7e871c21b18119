"""Metrics of sentiment regression as pure functions of predictions and labels.

They need neither mmengine nor a model: ``msa_metrics(prediction, label)`` takes tensors, arrays or
lists of shape (N,) or (N, 1). All results are fractions, never per cent. The definitions are those
of MMSA's ``MetricsTop`` for MOSI and MOSEI (https://github.com/thuiar/MMSA), so that numbers can
be set beside published ones.

Where a definition leaves a case open, it is closed like this:

- Corr is 0.0 where predictions or labels are constant, which includes a single sample: a collapsed
  model has found no linear relation.
- Acc2_non0 and F1_non0 are NaN where every label is zero: there is nothing to be right about.
- No samples, a NaN or an infinity raise: a diverged run must not end in a number.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor

Values = Tensor | ArrayLike
"""N numbers as a tensor, an array or a sequence, (N,) or (N, 1)."""


def mean_absolute_error(prediction: Values, label: Values) -> float:
    """Mean of ``|prediction - label|``, in units of the label."""
    predicted, true = as_pair(prediction, label)
    return float((predicted - true).abs().mean())


def pearson_correlation(prediction: Values, label: Values) -> float:
    """Pearson's r in [-1, 1]; 0.0 where either side is constant."""
    predicted, true = as_pair(prediction, label)
    if bool((predicted == predicted[0]).all() or (true == true[0]).all()):
        return 0.0
    return float(torch.corrcoef(torch.stack([predicted, true]))[0, 1])


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
    return float((predicted == true).double().mean())


def binary_f1(prediction: Values, label: Values, *, zeros: bool) -> float:
    """F1 of the polarity, averaged over the two classes by their number of labels.

    Arguments and the NaN case are those of :func:`binary_accuracy`.
    """
    from torchmetrics.functional.classification import multiclass_f1_score

    predicted, true = _polarity(prediction, label, zeros)
    if len(true) == 0:
        return math.nan
    score = multiclass_f1_score(predicted.long(), true.long(), num_classes=2, average="weighted")
    return float(score)


def as_pair(prediction: Values, label: Values) -> tuple[Tensor, Tensor]:
    """Return both sides as float64 vectors (N,).

    Raises:
        ValueError: for no samples, lengths that differ, more than one score a sample, NaN or
            infinity.
    """
    predicted, true = _as_vector("prediction", prediction), _as_vector("label", label)
    if len(predicted) != len(true):
        raise ValueError(
            f"prediction and label must have the same length, got {len(predicted)} and {len(true)}"
        )
    if len(true) == 0:
        raise ValueError("prediction and label are empty: metrics need at least one sample")
    return predicted, true


def _as_vector(name: str, values: Values) -> Tensor:
    vector = torch.as_tensor(values, dtype=torch.float64).detach().cpu()
    if vector.ndim == 2 and vector.shape[1] == 1:
        vector = vector.squeeze(1)
    if vector.ndim != 1:
        raise ValueError(f"{name} must have shape (N,) or (N, 1), got {tuple(vector.shape)}")
    bad = int((~vector.isfinite()).sum())
    if bad:
        raise ValueError(f"{name} has {bad} of {len(vector)} values that are NaN or infinite")
    return vector


def _polarity(prediction: Values, label: Values, zeros: bool) -> tuple[Tensor, Tensor]:
    predicted, true = as_pair(prediction, label)
    if zeros:
        return predicted >= 0, true >= 0
    labelled = true != 0
    return predicted[labelled] > 0, true[labelled] > 0


class MetricInfo(NamedTuple):
    """One metric and how to show it.

    Attributes:
        name: key in results, such as ``'Acc2_has0'``.
        label: name in tables, such as ``'Acc-2 (has0)'``.
        higher_is_better: direction.
        percent: whether tables show it as a percentage; results are fractions in any case.
        compute: ``(prediction, label) -> float``.
    """

    name: str
    label: str
    higher_is_better: bool
    percent: bool
    compute: Callable[[Values, Values], float]


METRICS: dict[str, MetricInfo] = {
    info.name: info
    for info in (
        MetricInfo("MAE", "MAE", False, False, mean_absolute_error),
        MetricInfo("Corr", "Corr", True, False, pearson_correlation),
        MetricInfo("Acc7", "Acc-7", True, True, partial(rounded_accuracy, bound=3)),
        MetricInfo("Acc5", "Acc-5", True, True, partial(rounded_accuracy, bound=2)),
        MetricInfo("Acc2_has0", "Acc-2 (has0)", True, True, partial(binary_accuracy, zeros=True)),
        MetricInfo("Acc2_non0", "Acc-2 (non0)", True, True, partial(binary_accuracy, zeros=False)),
        MetricInfo("F1_has0", "F1 (has0)", True, True, partial(binary_f1, zeros=True)),
        MetricInfo("F1_non0", "F1 (non0)", True, True, partial(binary_f1, zeros=False)),
    )
}
"""The metrics by name, in the order of tables."""

HIGHER_IS_BETTER: dict[str, bool] = {name: info.higher_is_better for name, info in METRICS.items()}


def msa_metrics(prediction: Values, label: Values) -> dict[str, float]:
    """Compute every metric of :data:`METRICS`.

    Args:
        prediction: scores, (N,) or (N, 1).
        label: labels, (N,) or (N, 1).

    Returns:
        Fractions by name (MAE in units of the label); see the module's docstring for NaN.

    Raises:
        ValueError: as :func:`as_pair`.
    """
    predicted, true = as_pair(prediction, label)
    return {name: info.compute(predicted, true) for name, info in METRICS.items()}
