"""The sum in the place of the gate: for ablations."""

from torch import Tensor, nn

from pgf_plugin.registry import MODELS


@MODELS.register_module()
class PGFSumGate(nn.Module):
    """No arbitration: what the text looked at is added to it.

    .. math:: F = T + C

    Paper: PGF-Net, arXiv 2508.15852, its ablation "without the gate (T + C)".

    Attributes:
        mixes: its result is the mix F; that of a gate is the coefficients.
    """

    supplied = ("hidden_size",)
    mixes = True

    def __init__(self, hidden_size: int) -> None:
        super().__init__()

    def forward(self, hidden: Tensor, attended: Tensor) -> Tensor:
        """(B, L, D) and (B, L, D) -> F (B, L, D)."""
        return hidden + attended
