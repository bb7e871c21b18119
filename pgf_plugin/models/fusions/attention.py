"""Scaled dot-product attention over padded keys, shared by every fusion."""

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_mask: Tensor,
    *,
    allowed: Tensor | None = None,
    dropout_p: float = 0.0,
) -> Tensor:
    """Attend to the valid keys alone.

    Where no key is valid the result is zero, with zero gradient, on every backend: a softmax over
    nothing would be NaN.

    Args:
        query: (B, H, L, d).
        key: (B, H, T, d).
        value: (B, H, T, d_v).
        key_mask: (B, T) bool, True = real key.
        allowed: (L, T) or (B, 1, L, T) bool, True where a query may look (a causal mask, say).
        dropout_p: dropout on the attention weights.

    Returns:
        (B, H, L, d_v).
    """
    mask, answerable = _combine(key_mask, allowed)
    mixed = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask | ~answerable, dropout_p=dropout_p
    )
    return mixed.masked_fill(~answerable, 0.0)


def attention_weights(
    query: Tensor, key: Tensor, key_mask: Tensor, *, allowed: Tensor | None = None
) -> Tensor:
    """Return the weights that :func:`masked_attention` applies, (B, H, L, T).

    For reports only: they are materialised, which the attention itself avoids.
    """
    mask, answerable = _combine(key_mask, allowed)
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5  # (B, H, L, T)
    weights = scores.masked_fill(~(mask | ~answerable), float("-inf")).softmax(-1)
    return weights.masked_fill(~answerable, 0.0)


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, T, H * d) -> (B, H, T, d)."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, T, d) -> (B, T, H * d)."""
    return x.transpose(1, 2).flatten(2)


def _combine(key_mask: Tensor, allowed: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the mask (B, 1, L or 1, T) and whether a query has any key, (B, 1, L or 1, 1)."""
    mask = key_mask[:, None, None, :]
    if allowed is not None:
        mask = torch.logical_and(mask, allowed)
    return mask, mask.any(-1, keepdim=True)
