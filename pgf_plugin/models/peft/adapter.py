"""The bottleneck adapter that follows each fusion."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.errors import check_positive, check_positive_int
from pgf_plugin.registry import MODELS


@MODELS.register_module()
class PGFAdapter(nn.Module):
    r"""Refines the fused states through a bottleneck.

    .. math:: A = F + s \, W_{up}\, \mathrm{relu}(W_{down}\, \mathrm{LayerNorm}(F))

    :math:`W_{up}` starts at zero, so that an untrained adapter is the identity.

    Paper: PGF-Net, arXiv 2508.15852, the post-fusion adapter; the form is Houlsby et al.,
    arXiv 1902.00751, the small scale AdaptFormer's, arXiv 2205.13535. The paper does not say where
    s starts. At 1, some seeds on CMU-MOSI (e5-small, AdamW 1e-3 to 2e-3) leave the pretrained
    states in the first epoch and never learn; at 0.1 none was seen to.

    Args:
        hidden_size: width D of the text.
        bottleneck: width b of the bottleneck.
        init_scale: start of s, above 0.
    """

    parameter_group = "adapter"
    supplied = ("hidden_size",)

    def __init__(self, hidden_size: int, bottleneck: int = 64, init_scale: float = 0.1) -> None:
        super().__init__()
        check_positive_int("bottleneck", bottleneck)
        self.norm = nn.LayerNorm(hidden_size)
        self.down = nn.Linear(hidden_size, bottleneck)
        self.up = nn.Linear(bottleneck, hidden_size)
        self.scale = nn.Parameter(torch.full((1,), check_positive("init_scale", init_scale)))
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, fused: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return fused + self.change(fused)

    def change(self, fused: Tensor) -> Tensor:
        """What is added to the states, (B, L, D) -> (B, L, D)."""
        inner = self.narrow(self.norm(fused))  # (B, L, b)
        # The scale goes to the weights, which are smaller than what they give.
        return F.linear(inner, self.scale * self.up.weight, self.scale * self.up.bias)

    def narrow(self, states: Tensor) -> Tensor:
        """(B, L, D), normalised -> the bottleneck (B, L, b)."""
        return self.down(states).relu()
