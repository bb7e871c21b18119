"""No adapter: for ablations."""

from torch import Tensor, nn

from pgf_plugin.registry import MODELS


@MODELS.register_module()
class PGFNoAdapter(nn.Module):
    """Hands the fused states on as they are."""

    supplied = ("hidden_size",)

    def __init__(self, hidden_size: int) -> None:
        super().__init__()

    def forward(self, fused: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D), the same."""
        return fused
