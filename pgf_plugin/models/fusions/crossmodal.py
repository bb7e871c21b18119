"""The crossmodal transformer of MulT: one modality's sequence, enriched by another's.

Paper: Tsai et al. 2019, arXiv 1906.00295, sections 3.1 and 3.2.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.errors import check_fraction, check_heads, check_positive_int
from pgf_plugin.models.encoders.sequence import last_step
from pgf_plugin.models.fusions.attention import masked_attention, merge_heads, split_heads
from pgf_plugin.models.fusions.ragged_attention import Extent, ragged_attention, ragged_extents
from pgf_plugin.structures import MaskedSequence


class CrossmodalTransformer(nn.Module):
    r"""Transformer whose queries come from a target and whose keys and values from a source.

    .. math::
        Z^{[0]} &= \sqrt{d}\, X_\alpha + PE, \qquad S = \sqrt{d}\, X_\beta + PE \\
        \hat Z^{[i]} &= Z^{[i-1]} + CM_{\beta \to \alpha}(LN(Z^{[i-1]}), LN(S)) \\
        Z^{[i]} &= \hat Z^{[i]} + FFN(LN(\hat Z^{[i]}))

    (equations 3 and 4), with a final LayerNorm. Every layer attends to the low-level source S.
    Without a source it is a self-attention transformer. As in the reference (MMSA 2.2.1) and in
    the authors' code, the residual carries Z itself, where equation 4 writes LN(Z), and the inputs
    are scaled by the root of the width. Unlike in the reference, padded keys are never attended to
    and the causal mask follows the real lengths, so that padding does not matter.

    Args:
        width: width d of target and source.
        num_heads: attention heads; divides ``width``.
        num_layers: number of layers D.
        attention_dropout: rate on the attention weights.
        feedforward_dropout: rate inside the feed-forward blocks.
        residual_dropout: rate on what each block adds.
        embedding_dropout: rate on the embedded target and source.
        causal: whether step i of a target of n steps sees no more than the first i + 1 + abs(m - n)
            of the m steps of the source, as in the authors' code; the paper has no such mask.
        position_embedding: whether to add sinusoids; the paper does, MMSA does not.

    Raises:
        ValueError: for a width, head or layer count below 1, heads that do not divide the width,
            or a rate outside [0, 1).
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        num_layers: int,
        attention_dropout: float = 0.0,
        feedforward_dropout: float = 0.0,
        residual_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        causal: bool = True,
        position_embedding: bool = True,
    ) -> None:
        super().__init__()
        check_positive_int("num_layers", num_layers)
        self.causal = causal
        self.position_embedding = position_embedding
        self.dropout = nn.Dropout(check_fraction("embedding_dropout", embedding_dropout))
        self.layers = nn.ModuleList(
            CrossmodalLayer(
                width, num_heads, attention_dropout, feedforward_dropout, residual_dropout
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, target: MaskedSequence, source: MaskedSequence | None = None
    ) -> MaskedSequence:
        """Enrich (B, L, d) by a source (B, T, d), by itself without one; returns (B, L, d)."""
        hidden = self._embed(target.values)  # (B, L, d)
        memory = None if source is None else self._embed(source.values)  # (B, T, d)
        sight = self._sight(target, target if source is None else source)
        for layer in self.layers:
            hidden = layer(hidden, memory, **sight)
        return MaskedSequence(self.norm(hidden), target.mask)

    def last(self, sequence: MaskedSequence) -> Tensor:
        """Return the last real step of ``forward(sequence)``, (B, d); zero where there is none.

        The last layer is computed for that step alone, which sees every real step, causal or not.
        """
        hidden = self._embed(sequence.values)  # (B, L, d)
        sight = self._sight(sequence, sequence)
        *layers, final = self.layers
        for layer in layers:
            hidden = layer(hidden, None, **sight)
        step = last_step(MaskedSequence(hidden, sequence.mask)).unsqueeze(1)  # (B, 1, d)
        step = self.norm(final(step, hidden, sequence.mask, None))
        return step.squeeze(1).masked_fill(~sequence.mask.any(dim=1, keepdim=True), 0.0)

    def _sight(self, target: MaskedSequence, source: MaskedSequence) -> dict[str, Any]:
        """What each step of a target may look at, as the layers take it."""
        extents = ragged_extents(target, source, self.causal)
        masked = self.causal and extents is None
        allowed = causal_mask(target.mask, source.mask) if masked else None
        return {"key_mask": source.mask, "allowed": allowed, "extents": extents}

    def _embed(self, values: Tensor) -> Tensor:
        embedded = values * math.sqrt(values.shape[-1])
        if self.position_embedding:
            embedded = embedded + sinusoids(values.shape[1], values.shape[2], values.device)
            embedded = embedded.to(self.norm.weight.dtype)  # of a model in half precision
        return self.dropout(embedded)


class CrossmodalLayer(nn.Module):
    """One pre-norm layer: attention from target to source, then a feed-forward block of 4 d.

    Args: as for :class:`CrossmodalTransformer`.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        attention_dropout: float = 0.0,
        feedforward_dropout: float = 0.0,
        residual_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_positive_int("width", width)
        self.num_heads = check_heads(num_heads, width)
        self.attention_dropout = check_fraction("attention_dropout", attention_dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.in_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.ReLU(inplace=True),  # of a linear layer's output, which nothing else reads
            nn.Dropout(check_fraction("feedforward_dropout", feedforward_dropout)),
            nn.Linear(4 * width, width),
        )
        self.dropout = nn.Dropout(check_fraction("residual_dropout", residual_dropout))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(
        self,
        hidden: Tensor,
        memory: Tensor | None,
        key_mask: Tensor,
        allowed: Tensor | None,
        extents: Sequence[Extent] | None = None,
    ) -> Tensor:
        """Run the layer.

        Args:
            hidden: (B, L, d) target.
            memory: (B, T, d) source; None for self-attention (T = L).
            key_mask: (B, T) bool, True = real step of the source.
            allowed: bool, broadcast to (B, heads, L, T); True where a step may look.
            extents: instead of both masks, where :func:`ragged_extents` gives them.

        Returns:
            (B, L, d).
        """
        projected = self._project(hidden, memory)
        rate = self.attention_dropout if self.training else 0.0
        if extents is not None:
            attended = ragged_attention(*projected, extents, self.num_heads, rate)
        else:
            query, key, value = (split_heads(part, self.num_heads) for part in projected)
            mixed = masked_attention(query, key, value, key_mask, allowed=allowed, dropout_p=rate)
            attended = merge_heads(mixed)
        hidden = hidden + self.dropout(self.out_proj(attended))  # (B, L, d)
        return hidden + self.dropout(self.feedforward(self.feedforward_norm(hidden)))

    def _project(self, hidden: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        normed = self.attention_norm(hidden)
        if memory is None:
            query, key, value = self.in_proj(normed).chunk(3, dim=-1)
            return query, key, value
        width = hidden.shape[-1]
        query_weight, memory_weight = self.in_proj.weight.split((width, 2 * width))
        query_bias, memory_bias = self.in_proj.bias.split((width, 2 * width))
        key, value = F.linear(self.attention_norm(memory), memory_weight, memory_bias).chunk(2, -1)
        return F.linear(normed, query_weight, query_bias), key, value


def causal_mask(target_mask: Tensor, source_mask: Tensor) -> Tensor:
    """Where a target step may look, by the real lengths n and m of target and source.

    Step i sees source steps up to i + abs(m - n). The reference takes the padded lengths instead.

    Args:
        target_mask: (B, L) bool.
        source_mask: (B, T) bool.

    Returns:
        (B, 1, L, T) bool.
    """
    offset = (source_mask.sum(dim=1) - target_mask.sum(dim=1)).abs()  # (B,)
    target_steps = torch.arange(target_mask.shape[1], device=target_mask.device)
    source_steps = torch.arange(source_mask.shape[1], device=source_mask.device)
    lead = source_steps[None, :] - target_steps[:, None]  # (L, T)
    return (lead <= offset[:, None, None]).unsqueeze(1)


def sinusoids(length: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sinusoidal position embedding, (length, width) float32; even columns sine, odd cosine.

    Paper: Vaswani et al. 2017, arXiv 1706.03762, section 3.5; MulT, appendix.
    """
    positions = torch.arange(length, device=device, dtype=torch.float32)
    columns = torch.arange(0, width, 2, device=device, dtype=torch.float32)
    angles = positions[:, None] * torch.exp(columns * (-math.log(10000.0) / width))
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[:, :width]
