"""What metrics take: predictions and labels as checked tensors, in their own precision."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from pgf_plugin.errors import shown

Values = Tensor | ArrayLike
"""N numbers as a tensor, an array or a sequence, (N,) or (N, 1)."""


def as_pair(prediction: Values, label: Values) -> tuple[Tensor, Tensor]:
    """Return both sides as vectors (N,), each in the precision in which it was given.

    Precision matters where classes are cut: the float32 number nearest to 0.1 belongs to the class
    that ends at 0.1, and in float64 it would lie beyond it. Integers and lists become float64.

    Raises:
        ValueError: for no samples, lengths that differ, more than one score a sample, NaN or
            infinity.
    """
    predicted, true = _as_vector("prediction", prediction), _as_vector("label", label)
    check_same_length(predicted, true)
    return predicted, true


def as_class_pair(scores: Values, label: Values, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return scores (N, C) and labels (N,) int64 in 0 … C - 1.

    Raises:
        ValueError: for no samples, lengths that differ, another number of classes, a label that is
            no class, NaN or infinity.
    """
    values = _floating(scores)
    if values.ndim != 2 or values.shape[1] != num_classes:
        raise ValueError(f"scores must have shape (N, {num_classes}), got {tuple(values.shape)}")
    _check_finite("scores", values)
    true = _as_vector("label", label)
    check_same_length(values, true)
    wrong = true[(true != true.round()) | (true < 0) | (true >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"label has {len(wrong)} of {len(true)} values that are no class of 0 … "
            f"{num_classes - 1}, first {wrong[0].item():g}"
        )
    return values, true.long()


def count_scores(scores: Values) -> int:
    """How many scores a sample has, C of (N, C).

    Raises:
        ValueError: for another shape.
    """
    shape = _floating(scores).shape
    if len(shape) != 2:
        raise ValueError(f"scores must have shape (N, classes or labels), got {tuple(shape)}")
    return shape[1]


def as_label_pair(scores: Values, label: Values, num_labels: int) -> tuple[Tensor, Tensor]:
    """Return scores (N, K) and labels (N, K) int64, 0 or 1.

    Raises:
        ValueError: for no samples, lengths or numbers of labels that differ, a label that is
            neither 0 nor 1, NaN or infinity.
    """
    values, true = _floating(scores), _floating(label)
    for name, given in (("scores", values), ("label", true)):
        if given.ndim != 2 or given.shape[1] != num_labels:
            raise ValueError(f"{name} must have shape (N, {num_labels}), got {tuple(given.shape)}")
        _check_finite(name, given)
    check_same_length(values, true)
    wrong = true[(true != 0) & (true != 1)]
    if len(wrong):
        raise ValueError(
            f"label has {len(wrong)} of {true.numel()} values that are neither 0 nor 1, first "
            f"{wrong[0].item():g}"
        )
    return values, true.long()


def check_same_length(predicted: Tensor, true: Tensor) -> None:
    """Raise ValueError unless both sides have the same number of samples, one at least."""
    if len(predicted) != len(true):
        raise ValueError(
            f"prediction and label must have the same length, got {len(predicted)} and {len(true)}"
        )
    check_any(true)


def check_any(samples: Sized) -> None:
    """Raise ValueError unless there is a sample."""
    if len(samples) == 0:
        raise ValueError("prediction and label are empty: metrics need at least one sample")


def check_diverged(prediction: Tensor, sample_ids: Sequence[str]) -> None:
    """Raise ValueError if a prediction, (N,) or (N, C), is not finite, naming its sample."""
    bad = ~prediction.isfinite().reshape(len(prediction), -1).all(dim=1)  # (N,)
    if bad.any():
        first = sample_ids[int(bad.long().argmax())]
        raise ValueError(
            f"the model predicts NaN or infinity for {int(bad.sum())} of {len(bad)} samples "
            f"(first: {first!r}): the run diverged; lower optim_wrapper.optimizer.lr or "
            "set optim_wrapper.clip_grad"
        )


def of_sample(sample: Mapping[str, Any], key: str, sample_id: str, metric: str) -> Tensor:
    """The label or prediction of one sample, whatever kind of number or numbers it is.

    Raises:
        ValueError: for a sample that has none, or something else than numbers.
    """
    if key not in sample:
        raise ValueError(f"{metric}: sample {sample_id!r} has no {key}")
    value = sample[key]
    if isinstance(value, Tensor):
        return value
    try:
        return _floating(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{metric}: the {key} of sample {sample_id!r} must be a number, or a tensor, array or "
            f"list of numbers, got {shown(value)}"
        ) from error


def _as_vector(name: str, values: Values) -> Tensor:
    vector = _floating(values)
    if vector.ndim == 2 and vector.shape[1] == 1:
        vector = vector.squeeze(1)
    if vector.ndim != 1:
        raise ValueError(f"{name} must have shape (N,) or (N, 1), got {tuple(vector.shape)}")
    _check_finite(name, vector)
    return vector


def _floating(values: Values) -> Tensor:
    if not isinstance(values, Tensor) and not hasattr(values, "dtype"):
        return torch.as_tensor(values, dtype=torch.float64)
    tensor = torch.as_tensor(values).detach().cpu()
    return tensor if tensor.is_floating_point() else tensor.double()


def _check_finite(name: str, values: Tensor) -> None:
    bad = int((~values.isfinite()).sum())
    if bad:
        raise ValueError(f"{name} has {bad} of {values.numel()} values that are NaN or infinite")
