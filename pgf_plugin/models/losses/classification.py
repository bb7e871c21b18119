"""The task loss of classification."""

import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.registry import MODELS

_HEAD = "model.head.out_features"


@MODELS.register_module()
class MSAClassificationLoss(nn.Module):
    """Mean cross entropy over the batch; a label is the number of its class, from 0.

    For three classes, ``MSAMetric(scale='classes')`` evaluates.
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, prediction: Tensor, label: Tensor) -> Tensor:
        """Scores (B, C) and labels (B, 1) -> scalar; labels on a GPU are not checked.

        Raises:
            ValueError: as :meth:`check`.
        """
        if label.device.type == "cpu":
            self.check(prediction, label)
        return F.cross_entropy(  # in float32, also under autocast
            prediction.float(), label.squeeze(1).long()
        )

    def check(self, prediction: Tensor, label: Tensor) -> None:
        """Check labels (B, 1) for scores (B, C).

        Raises:
            ValueError: for a single score a sample, another number of labels than one a sample,
                or a label that is none of 0 … C - 1.
        """
        rows, classes = prediction.shape
        if classes == 1:
            raise ValueError(
                f"MSAClassificationLoss takes a score for each class, but the model gives one a "
                f"sample: set {_HEAD} to the number of classes, or use MSARegressionLoss"
            )
        if label.shape != (rows, 1):
            raise ValueError(
                f"MSAClassificationLoss takes one label a sample, the number of its class, but "
                f"the labels have shape {tuple(label.shape)} for predictions of shape "
                f"{(rows, classes)}"
            )
        numbers = label.squeeze(1)  # (B,)
        wrong = (numbers != numbers.round()) | (numbers < 0) | (numbers >= classes)
        if wrong.any():
            first = numbers[wrong][0].item()
            raise ValueError(
                f"label {first:g} is no class: the model has scores for {classes} classes, 0 … "
                f"{classes - 1} ({int(wrong.sum())} of {rows} labels of this batch are others). "
                f"Set {_HEAD} to the number of classes, or use MSARegressionLoss for sentiment "
                "scores"
            )
