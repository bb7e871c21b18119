"""The task loss of regression."""

import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.errors import check_one_of
from pgf_plugin.registry import MODELS

_KINDS = {"l1": F.l1_loss, "mse": F.mse_loss, "smooth_l1": F.smooth_l1_loss}


@MODELS.register_module()
class MSARegressionLoss(nn.Module):
    """Mean regression loss over the batch.

    Args:
        kind: ``'l1'`` (PGF-Net, MulT), ``'mse'`` (MISA) or ``'smooth_l1'``.
    """

    def __init__(self, kind: str = "l1") -> None:
        super().__init__()
        self.kind = check_one_of("kind", kind, _KINDS)

    def forward(self, prediction: Tensor, label: Tensor) -> Tensor:
        """(B, n_out) and (B, n_out) -> scalar.

        Raises:
            ValueError: if the shapes differ (broadcasting would hide it).
        """
        if prediction.shape != label.shape:
            raise ValueError(
                f"prediction has shape {tuple(prediction.shape)}, label {tuple(label.shape)}: set "
                "the head's out_features to the number of labels"
            )
        return _KINDS[self.kind](prediction.float(), label.float())  # also under autocast
