"""A mixture of adapters: a router chooses, for each token, between the experts of a layer."""

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_positive_int
from pgf_plugin.models.peft.adapter import PGFAdapter
from pgf_plugin.models.peft.routing import route
from pgf_plugin.registry import MODELS


@MODELS.register_module()
class PGFMixtureOfAdapters(PGFAdapter):
    r"""Refines the fused states through experts that share one bottleneck.

    .. math::
        N &= \mathrm{LayerNorm}(F), \qquad w = \mathrm{softmax}(W_r N + b_r) \\
        A &= F + s \, \Bigl(b_{up} + \sum_e w_e \, W^{up}_e \,
            \mathrm{relu}(W^{down}_e N + b^{down}_e)\Bigr)

    Expert e is a part of the bottleneck, b / E wide; norm, scale and the bias of the output are
    shared. Beside a :class:`PGFAdapter` of the same bottleneck, the router's E (D + 1) parameters
    come on top; one expert has no router and is that adapter. All experts are computed, whichever
    are kept: ``top_k`` saves no time.

    The paper leaves dynamic adapters as an open question (PGF-Net, arXiv 2508.15852). The form
    follows the sparsely-gated mixture of experts, Shazeer et al., arXiv 1701.06538, without its
    noise and its balance loss.

    Args:
        hidden_size: width D of the text.
        bottleneck: width b of all experts together; the first ones are one wider where
            ``num_experts`` does not divide it.
        init_scale: start of s, above 0. An undecided router halves what two experts say, and so on:
            ``num_experts`` times an adapter's scale starts as strongly.
        num_experts: experts E, at most ``bottleneck``.
        top_k: experts that are kept for each token, 2 … E; None keeps all.
    """

    def __init__(
        self,
        hidden_size: int,
        bottleneck: int = 64,
        init_scale: float = 0.1,
        num_experts: int = 4,
        top_k: int | None = None,
    ) -> None:
        super().__init__(hidden_size, bottleneck, init_scale)
        if check_positive_int("num_experts", num_experts) > bottleneck:
            raise ValueError(
                f"num_experts must be at most bottleneck, {bottleneck}, got {num_experts}"
            )
        # With one expert kept, its weight is 1 whatever the router says, which then never learns.
        if top_k is not None and check_positive_int("top_k", top_k, at_least=2) > num_experts:
            raise ValueError(f"top_k must be at most num_experts, {num_experts}, got {top_k}")
        self.top_k = top_k
        self.router = nn.Linear(hidden_size, num_experts) if num_experts > 1 else None
        each, left = divmod(bottleneck, num_experts)
        self.widths = [each + (expert < left) for expert in range(num_experts)]

    def weigh(self, fused: Tensor) -> Tensor:
        """(B, L, D) -> weights of the experts (B, L, E), which sum to 1."""
        return self._weigh(self.norm(fused))

    def narrow(self, states: Tensor) -> Tensor:
        """(B, L, D) -> the bottleneck (B, L, b), each expert's part weighed."""
        inner = super().narrow(states)
        if self.router is None:
            return inner
        weights = self._weigh(states).to(inner).split(1, dim=-1)
        parts = zip(inner.split(self.widths, dim=-1), weights, strict=True)
        return torch.cat([part * weight for part, weight in parts], dim=-1)

    def _weigh(self, states: Tensor) -> Tensor:
        if self.router is None:
            return torch.ones_like(states[..., :1])
        return route(self.router(states), self.top_k)
