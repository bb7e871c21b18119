"""The task loss of several labels that may hold together."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.errors import ConfigError, check_positive
from pgf_plugin.registry import MODELS


@MODELS.register_module()
class MSAMultilabelLoss(nn.Module):
    """Mean binary cross entropy over batch and labels; ``MSAMultilabelMetric`` evaluates.

    Args:
        pos_weight: weight of the samples that have a label, for rare ones: one number for all
            labels, or one a label; (negatives / positives) of the training set balances both.
    """

    pos_weight: Tensor

    def __init__(self, pos_weight: float | Sequence[float] = 1.0) -> None:
        super().__init__()
        several = isinstance(pos_weight, Sequence) and not isinstance(pos_weight, str)
        given = list(pos_weight) if several else [pos_weight]  # type: ignore[arg-type]
        if not given:
            raise ConfigError("MSAMultilabelLoss.pos_weight must have a number a label, got []")
        weights = [check_positive("MSAMultilabelLoss.pos_weight", value) for value in given]
        self.register_buffer("pos_weight", torch.tensor(weights), persistent=False)

    def forward(self, prediction: Tensor, label: Tensor) -> Tensor:
        """Scores (B, K) and labels (B, K) of 0 and 1 -> scalar; labels on a GPU are not checked.

        Raises:
            ValueError: as :meth:`check`.
        """
        if label.device.type == "cpu":
            self.check(prediction, label)
        return F.binary_cross_entropy_with_logits(
            prediction.float(), label.float(), pos_weight=self.pos_weight
        )

    def check(self, prediction: Tensor, label: Tensor) -> None:
        """Check labels (B, K) for scores (B, K).

        Raises:
            ValueError: for shapes that differ, another number of weights, or a label that is
                neither 0 nor 1.
        """
        if prediction.shape != label.shape:
            raise ValueError(
                f"MSAMultilabelLoss takes a score a label, but the model gives "
                f"{prediction.shape[1]} scores and the data have {label.shape[1]} labels a sample: "
                f"set model.head.out_features={label.shape[1]}, or the dataset's labels"
            )
        weights = self.pos_weight
        if len(weights) not in (1, label.shape[1]):
            raise ValueError(
                f"MSAMultilabelLoss.pos_weight has {len(weights)} numbers for {label.shape[1]} "
                "labels: give one for all, or one a label"
            )
        wrong = label[(label != 0) & (label != 1)]
        if len(wrong):
            raise ValueError(
                f"label {wrong[0].item():g} is neither 0 nor 1, as MSAMultilabelLoss needs "
                f"({len(wrong)} of {label.numel()} labels of this batch): choose other labels of "
                "the data (dataset.label), or MSARegressionLoss"
            )
