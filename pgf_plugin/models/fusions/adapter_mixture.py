"""MMA's mixture: one adapter a modality, side by side, weighed by a router."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_positive_int
from pgf_plugin.models.encoders.sequence import TemporalConv
from pgf_plugin.models.fusions.attention import masked_attention
from pgf_plugin.models.peft.adapter import PGFAdapter
from pgf_plugin.models.peft.routing import route
from pgf_plugin.structures import MaskedSequence


class AdapterMixture(nn.Module):
    r"""Adds to the states of one encoder layer what the adapters of all modalities say.

    .. math::
        C_m &= \mathrm{softmax}(T P_m(X_m)^\top / \sqrt D) P_m(X_m), \qquad C_{text} = T \\
        w &= \mathrm{softmax}(W_r \bar R + b_r), \quad
        R = \mathrm{softmax}(C C^\top / \sqrt D) C \\
        A &= T + \sum_m w_m s_m W^{up}_m \mathrm{relu}(W^{down}_m \mathrm{LayerNorm}(C_m))

    :math:`P_m` is a convolution over time to the width of the text, the attention and the router's
    own attention R over the modalities of a token have no parameters. A modality without a real
    step has weight 0.

    Args:
        hidden_size: width D of the text.
        feature_dims: width of each other modality.
        bottleneck: width of the adapters' bottleneck.
        kernel_size: kernel of the convolutions.
        top_k: modalities that are kept for each token, the others have weight 0; None keeps all.
    """

    parameter_group = "fusion"

    def __init__(
        self,
        hidden_size: int,
        feature_dims: Mapping[str, int],
        bottleneck: int = 64,
        kernel_size: int = 3,
        top_k: int | None = None,
    ) -> None:
        super().__init__()
        names = ("text", *feature_dims)
        if top_k is not None and check_positive_int("top_k", top_k) > len(names):
            raise ValueError(
                f"top_k must be at most the number of modalities, {len(names)}, got {top_k}"
            )
        self.top_k = top_k
        self.projections = nn.ModuleDict(
            {
                name: TemporalConv(dim, hidden_size, kernel_size)
                for name, dim in feature_dims.items()
            }
        )
        self.adapters = nn.ModuleDict({name: PGFAdapter(hidden_size, bottleneck) for name in names})
        self.router = nn.Linear(hidden_size, len(names)) if feature_dims else None

    def forward(
        self, hidden: Tensor, features: Mapping[str, MaskedSequence]
    ) -> tuple[Tensor, Tensor]:
        """(B, L, D) and (B, T_m, D_m) by name -> (B, L, D) and the weights (B, L, M)."""
        seen, present = [hidden], [torch.ones_like(hidden[:, 0, 0], dtype=torch.bool)]
        for name, projection in self.projections.items():
            values, mask = projection(features[name])
            keys = values.unsqueeze(1)  # (B, 1, T, D)
            seen.append(masked_attention(hidden.unsqueeze(1), keys, keys, mask).squeeze(1))
            present.append(mask.any(dim=1))
        weights = self._route(torch.stack(seen, dim=2), torch.stack(present, dim=1))
        adapters: Any = self.adapters.values()
        said = torch.stack(
            [adapter.change(value) for adapter, value in zip(adapters, seen, strict=True)], dim=2
        )  # (B, L, M, D)
        return hidden + (weights.unsqueeze(-1) * said).sum(dim=2), weights

    def _route(self, seen: Tensor, present: Tensor) -> Tensor:
        """Weigh modalities (B, L, M, D), of which ``present`` (B, M) are there; (B, L, M)."""
        if self.router is None:
            return torch.ones_like(seen[..., 0])
        mixed = masked_attention(
            *(seen.flatten(0, 1).unsqueeze(1),) * 3, present.repeat_interleave(seen.shape[1], dim=0)
        )  # (B L, 1, M, D)
        mean = mixed.squeeze(1).unflatten(0, seen.shape[:2]).mean(dim=2)  # (B, L, D)
        scores = self.router(mean).masked_fill(~present.unsqueeze(1), float("-inf"))
        return route(scores, self.top_k)
