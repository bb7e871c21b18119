"""How wrong a prediction is: what the counterfactuals of a model are measured by."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pgf_plugin.errors import ConfigError
from pgf_plugin.models.base import loss_of
from pgf_plugin.models.losses.classification import MSAClassificationLoss
from pgf_plugin.models.losses.multilabel import MSAMultilabelLoss


class Errors(NamedTuple):
    """A measure of error.

    Attributes:
        name: as tables and axes show it.
        of: predictions (N, n_out) and labels (N, n_label) to the error of each utterance, (N,).
    """

    name: str
    of: Callable[[NDArray, NDArray], NDArray]


def errors_of(model: nn.Module) -> Errors:
    """The errors that fit the loss that a model is trained by.

    Wrong classes where the loss is one of classes, the share of wrong labels where it is one of
    labels that may hold together, else absolute errors. A wrapper is measured as what it wraps.
    """
    loss = loss_of(model)
    if isinstance(loss, MSAClassificationLoss):
        return Errors("error rate", _wrong_class)
    if isinstance(loss, MSAMultilabelLoss):
        return Errors("error rate", _wrong_labels)
    return Errors("MAE", _absolute)


def _absolute(predictions: NDArray, labels: NDArray) -> NDArray:
    if predictions.shape != labels.shape:
        raise ConfigError(
            f"the model gives {predictions.shape[1]} scores an utterance and the data have "
            f"{labels.shape[1]} labels, and its loss is neither MSAClassificationLoss nor "
            "MSAMultilabelLoss, so how wrong it is cannot be told: set model.loss to one of them"
        )
    return np.abs(predictions - labels).mean(1)


def _wrong_class(predictions: NDArray, labels: NDArray) -> NDArray:
    return (predictions.argmax(1) != labels[:, 0]).astype(float)


def _wrong_labels(predictions: NDArray, labels: NDArray) -> NDArray:
    return ((predictions > 0) != (labels > 0.5)).mean(1)
