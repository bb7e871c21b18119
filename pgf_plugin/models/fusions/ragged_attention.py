"""Attention on a CPU over the real steps alone, block by block, exact to rounding.

On a CPU, attention over hundreds of steps is bound by memory and by the random numbers of dropout:
scores of all samples and heads are gigabytes, and drawing a Bernoulli variable costs more than the
score that it drops. Here the scores of one sample and a few queries at a time stay in the cache,
steps that are padding or not yet visible are never computed, and backward computes the scores again
(as in FlashAttention, Dao et al. 2022, arXiv 2205.14135). Dropout draws 16 random bits a weight.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pgf_plugin.structures import MaskedSequence

QUERIES = 128
"""Queries of a block: with ten heads and 400 keys, its scores take 2 MB."""

FEWEST_SCORES = 64 * 64
"""Scores of a head below which one call for the whole batch is faster than blocks."""

_LOG2_E = math.log2(math.e)
"""Scores are kept to the base 2, whose powers are cheaper than those of e."""

_SMALL = 60.0
"""Scores to the base 2 below which the sum of their powers neither overflows nor vanishes."""

_BITS = 16
"""Random bits a weight."""

_switched_off: ContextVar[bool] = ContextVar("ragged_attention_off", default=False)


@contextmanager
def without_ragged_attention() -> Iterator[None]:
    """Inside, no extents are given: every model attends as it does on other devices."""
    token = _switched_off.set(True)
    try:
        yield
    finally:
        _switched_off.reset(token)


class Extent(NamedTuple):
    """What is computed of one sample.

    Attributes:
        queries: steps of the target.
        keys: steps of the source.
        lead: query i sees the keys up to i + lead; None where it sees all.
    """

    queries: int
    keys: int
    lead: int | None = None


def ragged_extents(
    target: MaskedSequence, source: MaskedSequence, causal: bool
) -> list[Extent] | None:
    """Decide whether to attend by extents, and return them.

    Args:
        target: (B, L, D), the queries.
        source: (B, T, D), the keys.
        causal: whether query i of n sees no more than the first i + 1 + abs(m - n) of m keys.

    Returns:
        one a sample; None where :func:`~.attention.masked_attention` serves better or alone: on
        another device, in a compiled model, in another precision than float32, for short
        sequences, for masks with gaps, and in :func:`without_ragged_attention`.
    """
    # First: a compiler cannot trace what follows.
    if torch.compiler.is_compiling() or _switched_off.get():
        return None
    values = target.values
    if values.device.type != "cpu" or values.dtype is not torch.float32:
        return None
    if torch.is_autocast_enabled("cpu"):
        return None
    if target.mask.shape[1] * source.mask.shape[1] < FEWEST_SCORES:
        return None
    lengths = []
    for mask in (target.mask, source.mask):
        if not torch.equal(mask, mask.cummin(dim=1).values):
            return None
        lengths.append(mask.sum(dim=1).tolist())
    return [Extent(n, m, abs(m - n) if causal else None) for n, m in zip(*lengths, strict=True)]


def ragged_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    extents: Sequence[Extent],
    num_heads: int,
    dropout_p: float = 0.0,
) -> Tensor:
    """Scaled dot-product attention of each sample within its extent.

    Args:
        query: (B, L, D) float32 on the CPU, heads side by side.
        key: (B, T, D).
        value: (B, T, D).
        extents: one a sample.
        num_heads: heads; divides D.
        dropout_p: dropout on the attention weights, to the next multiple of 2 ** -16.

    Returns:
        (B, L, D); zero beyond the queries of an extent, and where it has no keys.
    """
    seed = int(torch.randint(1 << 62, ())) if dropout_p else 0
    return _RaggedAttention.apply(query, key, value, tuple(extents), num_heads, dropout_p, seed)


class _Block(NamedTuple):
    """Queries ``start`` to ``stop`` of a sample, and how many keys they see."""

    start: int
    stop: int
    keys: int
    lead: int | None


def _blocks(extent: Extent) -> Iterator[_Block]:
    for start in range(0, extent.queries, QUERIES):
        stop = min(start + QUERIES, extent.queries)
        keys = extent.keys if extent.lead is None else min(extent.keys, stop + extent.lead)
        yield _Block(start, stop, keys, extent.lead)


class _Workspace:
    """Memory for one block, used again for the next: fresh pages would cost more than the scores.

    Args:
        extents: what it must hold.
        num_heads: heads.
        buffers: how many arrays of the size of a block are in use at once.
    """

    def __init__(self, extents: Sequence[Extent], num_heads: int, buffers: int) -> None:
        size = max(min(each.queries, QUERIES) * each.keys for each in extents) * num_heads
        self._buffers = torch.empty(buffers, size)
        self._random = torch.empty(-(-size * _BITS // 64), dtype=torch.int64)

    def buffer(self, number: int, shape: tuple[int, ...]) -> Tensor:
        """Uninitialised float32 of ``shape``."""
        return self._buffers[number, : math.prod(shape)].view(shape)

    def random(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Uniform signed 16-bit numbers."""
        size = math.prod(shape)
        words = self._random[: -(-size * _BITS // 64)]
        words.random_(-(1 << 63), None, generator=generator)
        return words.view(torch.int16)[:size].view(shape)


class _Dropout:
    """Draws which weights are kept, the same in forward and backward."""

    def __init__(self, rate: float, seed: int) -> None:
        dropped = round(rate * (1 << _BITS))
        self.threshold = dropped - (1 << _BITS - 1)  # of a signed number
        self.scale = (1 << _BITS) / ((1 << _BITS) - dropped)
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, workspace: _Workspace, out: Tensor) -> Tensor:
        """Fill ``out`` with 1 where a weight is kept, and 0 where it is dropped."""
        random = workspace.random(tuple(out.shape), self.generator)
        return torch.ge(random, self.threshold, out=out)


def _scores(key: Tensor, query: Tensor, block: _Block, workspace: _Workspace) -> Tensor:
    """Scores, (H, keys, queries): keys first, as the products need it; -inf where none may look."""
    steps = block.stop - block.start
    scores = workspace.buffer(0, (len(key), block.keys, steps))
    torch.bmm(key[:, : block.keys], query[:, :, block.start : block.stop], out=scores)
    if block.lead is not None:
        first = min(block.start + block.lead + 1, block.keys)  # the first that not all may see
        hidden = scores.new_full((block.keys - first, steps), float("-inf"))
        scores[:, first:] += hidden.tril_()
    return scores


def _longest(x: Tensor, num_heads: int) -> float:
    """Length of the longest vector of any head of (B, T, D)."""
    return float(torch.linalg.vector_norm(x.unflatten(-1, (num_heads, -1)), dim=-1).amax())


def _transposed(x: Tensor, steps: int, num_heads: int) -> Tensor:
    """(T, D) -> (H, d, steps), contiguous."""
    return x[:steps].t().contiguous().view(num_heads, -1, steps)


def _by_head(x: Tensor, steps: int, num_heads: int) -> Tensor:
    """(T, D) -> (H, steps, d), contiguous."""
    return x[:steps].view(steps, num_heads, -1).transpose(0, 1).contiguous()


class _RaggedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        extents: tuple[Extent, ...],
        num_heads: int,
        dropout_p: float,
        seed: int,
    ) -> Tensor:
        dropout = _Dropout(dropout_p, seed) if dropout_p else None
        workspace = _Workspace(extents, num_heads, 2)
        scale = (query.shape[-1] // num_heads) ** -0.5
        bound = _longest(query, num_heads) * _longest(key, num_heads) * scale * _LOG2_E
        small = bound < _SMALL  # False also for NaN
        mixed = torch.zeros_like(query)  # (B, L, D)
        totals = query.new_zeros(len(query), num_heads, query.shape[1])  # log2 of the softmax's sum
        for row, extent in enumerate(extents):
            if not (extent.queries and extent.keys):
                continue
            n, m = extent.queries, extent.keys
            queries = _transposed(query[row], n, num_heads) * (scale * _LOG2_E)  # (H, d, n)
            keys = _by_head(key[row], m, num_heads)  # (H, m, d)
            values = _transposed(value[row], m, num_heads)  # (H, d, m)
            out = torch.empty_like(queries)
            for block in _blocks(extent):
                span = slice(block.start, block.stop)
                scores = _scores(keys, queries, block, workspace)
                top = 0.0 if small else scores.amax(1, keepdim=True)
                weights = (scores if small else scores.sub_(top)).exp2_()
                total = weights.sum(1, keepdim=True)  # (H, 1, queries)
                totals[row, :, span] = (total.log2() + top).squeeze(1)
                if dropout:
                    weights *= dropout.draw(workspace, workspace.buffer(1, weights.shape))
                torch.div(values[:, :, : block.keys] @ weights, total, out=out[:, :, span])
            mixed[row, :n] = out.view(-1, n).t()
        if dropout:
            mixed *= dropout.scale
        ctx.save_for_backward(query, key, value, totals)
        ctx.settings = (extents, num_heads, dropout_p, seed, scale)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, totals = ctx.saved_tensors
        extents, num_heads, dropout_p, seed, scale = ctx.settings
        dropout = _Dropout(dropout_p, seed) if dropout_p else None
        workspace = _Workspace(extents, num_heads, 3)
        if dropout:
            gradient = gradient * dropout.scale
        gradients = [torch.zeros_like(each) for each in (query, key, value)]
        for row, extent in enumerate(extents):
            if not (extent.queries and extent.keys):
                continue
            n, m = extent.queries, extent.keys
            queries = _transposed(query[row], n, num_heads) * (scale * _LOG2_E)  # (H, d, n)
            keys, values = (_by_head(each[row], m, num_heads) for each in (key, value))
            out = _transposed(gradient[row], n, num_heads)  # (H, d, n)
            d_query = torch.empty_like(queries)  # (H, d, n)
            d_key, d_value = torch.zeros_like(keys), torch.zeros_like(values)  # (H, m, d)
            keys_t = keys.transpose(1, 2).contiguous()  # (H, d, m)
            for block in _blocks(extent):
                span, seen = slice(block.start, block.stop), slice(0, block.keys)
                weights = _scores(keys, queries, block, workspace)  # (H, keys, queries)
                weights.sub_(totals[row, :, span].unsqueeze(1)).exp2_()
                d_out = out[:, :, span]
                d_weights = workspace.buffer(1, weights.shape)
                torch.bmm(values[:, seen], d_out, out=d_weights)
                kept = weights
                if dropout:
                    draw = dropout.draw(workspace, workspace.buffer(2, weights.shape))
                    d_weights *= draw
                    kept = draw.mul_(weights)
                d_value[:, seen].baddbmm_(kept, d_out.transpose(1, 2))
                d_scores = d_weights.mul_(weights)
                d_scores -= weights.mul_(d_scores.sum(1, keepdim=True))
                torch.bmm(keys_t[:, :, seen], d_scores, out=d_query[:, :, span])
                d_key[:, seen].baddbmm_(
                    d_scores, queries[:, :, span].transpose(1, 2), alpha=1 / _LOG2_E
                )
            gradients[0][row, :n] = (d_query * scale).view(-1, n).t()
            gradients[1][row, :m] = d_key.transpose(0, 1).reshape(m, -1)
            gradients[2][row, :m] = d_value.transpose(0, 1).reshape(m, -1)
        return *gradients, None, None, None, None
