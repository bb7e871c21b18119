"""Cross-attention from the hidden states of the text to a bank of other modalities."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.errors import check_heads, check_positive_int
from pgf_plugin.models.fusions.attention import (
    attention_weights,
    masked_attention,
    merge_heads,
    split_heads,
)
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


class BankProjection(NamedTuple):
    """What one layer sees of the bank.

    Attributes:
        key: (B, T, d), d over all heads.
        value: (B, T, d).
    """

    key: Tensor
    value: Tensor


@MODELS.register_module()
class PGFCrossAttention(nn.Module):
    r"""Lets every text position look at the audio and vision steps.

    .. math:: C = \mathrm{Attention}(Q = T W_q,\; K = M W_k,\; V = M W_v)\, W_o

    :math:`W_o` starts at zero, so that an untrained block adds nothing to the language.

    Paper: PGF-Net, arXiv 2508.15852, the cross-attention inside each layer. It attends at full
    width; a width of 16 is what its budget of 3.09 M parameters leaves room for.

    Args:
        hidden_size: width D of the text.
        bank_width: width D_m of the bank.
        attention_width: total width of queries, keys and values over all heads; None for that of
            the text.
        num_heads: number of heads; divides ``attention_width``.
    """

    supplied = ("hidden_size", "bank_width")

    def __init__(
        self,
        hidden_size: int,
        bank_width: int,
        attention_width: int | None = 16,
        num_heads: int = 1,
    ) -> None:
        super().__init__()
        attention_width = hidden_size if attention_width is None else attention_width
        check_positive_int("attention_width", attention_width)
        self.num_heads = check_heads(num_heads, attention_width, "attention_width")
        self.query = nn.Linear(hidden_size, attention_width)
        # No bias: it would add the same to all scores of a query, which the softmax takes out.
        self.key = nn.Linear(bank_width, attention_width, bias=False)
        self.value = nn.Linear(bank_width, attention_width)
        self.out = nn.Linear(attention_width, hidden_size)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        hidden: Tensor,
        bank: MaskedSequence,
        need_weights: bool = False,
        projection: BankProjection | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Args:
            hidden: (B, L, D).
            bank: values (B, T, D_m), mask (B, T).
            need_weights: also return the weights.
            projection: keys and values of ``bank``, from :func:`project_bank`; None computes them.

        Returns:
            (B, L, D), and the weights (B, heads, L, T) or None.
        """
        if projection is None:
            projection = BankProjection(self.key(bank.values), self.value(bank.values))
        query = split_heads(self.query(hidden), self.num_heads)  # (B, heads, L, d)
        key, value = (split_heads(x, self.num_heads) for x in projection)  # (B, heads, T, d)
        mixed = self.out(merge_heads(masked_attention(query, key, value, bank.mask)))
        weights = attention_weights(query, key, bank.mask) if need_weights else None
        return mixed, weights


def project_bank(layers: Sequence[PGFCrossAttention], bank: MaskedSequence) -> list[BankProjection]:
    """Keys and values of the bank for each of ``layers``, from one matrix product."""
    projections = [linear for layer in layers for linear in (layer.key, layer.value)]
    weight = torch.cat([linear.weight for linear in projections])  # (2 layers d, D_m)
    bias = torch.cat(
        [
            linear.weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias
            for linear in projections
        ]
    )
    widths = [linear.out_features for linear in projections]
    parts = F.linear(bank.values, weight, bias).split(widths, dim=-1)
    return [BankProjection(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
