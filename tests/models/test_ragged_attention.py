"""Attention block by block on a CPU equals that of torch, in values, gradients and dropout."""

import pytest
import torch

from pgf_plugin.models.fusions import ragged_attention as module
from pgf_plugin.models.fusions.attention import masked_attention, merge_heads, split_heads
from pgf_plugin.models.fusions.crossmodal import CrossmodalTransformer, causal_mask
from pgf_plugin.models.fusions.ragged_attention import Extent, ragged_attention, ragged_extents
from pgf_plugin.structures import MaskedSequence

HEADS, WIDTH = 2, 6


def prefix(steps, *lengths):
    return torch.arange(steps) < torch.tensor(lengths)[:, None]


def sequence(mask, width=WIDTH):
    values = torch.randn(*mask.shape, width, generator=torch.Generator().manual_seed(len(mask)))
    return MaskedSequence(values, mask)


@pytest.mark.parametrize("size_of_scores", [1.0, 20.0])  # 20: too large for their powers
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("steps", [(150, 90), (90, 300), (1, 5000)])  # more than a block, and less
def test_values_and_gradients_are_those_of_torch(causal, steps, size_of_scores):
    target, source = (prefix(size, size, 1, size // 2 + 1, 0) for size in steps)
    source[1] = False  # a sample without keys
    random = torch.Generator().manual_seed(0)
    tensors = [
        torch.randn(4, size, WIDTH, generator=random, requires_grad=True)
        for size in (steps[0], steps[1], steps[1])
    ]
    tensors[0].data *= size_of_scores
    extents = ragged_extents(sequence(target), sequence(source), causal)
    assert extents is not None
    got = ragged_attention(*tensors, extents, HEADS)
    allowed = causal_mask(target, source) if causal else None
    query, key, value = (split_heads(each, HEADS) for each in tensors)
    expected = merge_heads(masked_attention(query, key, value, source, allowed=allowed))
    expected = expected.masked_fill(~target.unsqueeze(-1), 0.0)  # padding is not computed
    exact = dict(rtol=1e-5 * size_of_scores, atol=1e-6 * size_of_scores)
    torch.testing.assert_close(got, expected, **exact)
    weight = torch.randn(got.shape, generator=random)
    for ours, theirs in zip(
        torch.autograd.grad((got * weight).sum(), tensors),
        torch.autograd.grad((expected * weight).sum(), tensors),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=exact["rtol"], atol=2e-5 * size_of_scores)


def test_dropout_keeps_the_mean_and_its_gradient_is_that_of_what_was_drawn():
    random = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(2, 130, WIDTH, generator=random) for _ in range(3))
    extents = [Extent(130, 130, 0), Extent(130, 40)]

    def run(rate, values=value, seed=3):
        torch.manual_seed(seed)
        return ragged_attention(query, key, values, extents, HEADS, rate)

    torch.testing.assert_close(run(0.3), run(0.3), rtol=0, atol=0)
    assert not torch.equal(run(0.3), run(0.3, seed=4))
    mean = torch.stack([run(0.3, seed=seed) for seed in range(300)]).mean(0)
    deviation = (mean - run(0.0)).abs()
    assert deviation.mean() < 0.05
    # The result is linear in the values: with what was drawn held fixed, exactly.
    direction = torch.randn(value.shape, generator=random)
    moved = value.clone().requires_grad_()
    weight = torch.randn(value.shape, generator=random)
    (gradient,) = torch.autograd.grad((run(0.3, moved) * weight).sum(), moved)
    change = ((run(0.3, value + direction) - run(0.3)) * weight).sum()
    torch.testing.assert_close((gradient * direction).sum(), change, rtol=1e-4, atol=1e-4)


def test_dropout_and_softmax_give_the_right_gradient_of_queries_and_keys():
    random = torch.Generator().manual_seed(2)
    query, key, value, weight = (torch.randn(1, 140, WIDTH, generator=random) for _ in range(4))
    tensors = [query.clone().requires_grad_(), key.clone().requires_grad_()]

    def loss(query, key):
        torch.manual_seed(5)
        return (
            ragged_attention(query, key, value, [Extent(140, 140, 3)], HEADS, 0.2) * weight
        ).sum()

    gradients = torch.autograd.grad(loss(*tensors), tensors)
    for place in range(2):
        direction = torch.randn(query.shape, generator=random)
        moved = [[query, key], [query, key]]
        for sign, pair in zip((1, -1), moved, strict=True):
            pair[place] = pair[place] + sign * 1e-2 * direction
        slope = (loss(*moved[0]) - loss(*moved[1])) / 2e-2
        torch.testing.assert_close(
            (gradients[place] * direction).sum(), slope, rtol=2e-2, atol=2e-2
        )


def test_share_of_dropped_weights():
    dropout = module._Dropout(0.3, seed=0)
    workspace = module._Workspace([Extent(100, 1000)], 1, 1)
    kept = dropout.draw(workspace, workspace.buffer(0, (1, 1000, 100)))
    assert kept.unique().tolist() == [0.0, 1.0]
    assert kept.mean().item() == pytest.approx(0.7, abs=0.005)
    assert kept.view(-1, 4).mean(0).std() < 0.01  # no bias by place within a random word
    assert dropout.scale == pytest.approx(1 / 0.7, rel=1e-4)


def test_where_blocks_do_not_serve_there_are_none():
    long = sequence(prefix(100, 100, 50))
    assert ragged_extents(long, long, True) == [Extent(100, 100, 0), Extent(50, 50, 0)]
    short = sequence(prefix(10, 10, 5))
    assert ragged_extents(short, short, True) is None
    gaps = long.mask.clone()
    gaps[0, 3] = False
    assert ragged_extents(long, MaskedSequence(long.values, gaps), True) is None
    assert ragged_extents(MaskedSequence(long.values.double(), long.mask), long, True) is None
    with torch.autocast("cpu", torch.bfloat16):
        assert ragged_extents(long, long, True) is None


@pytest.mark.parametrize("position_embedding", [True, False])
def test_a_transformer_gives_the_same_with_blocks_and_without(monkeypatch, position_embedding):
    torch.manual_seed(0)
    transformer = CrossmodalTransformer(
        WIDTH, HEADS, num_layers=3, position_embedding=position_embedding
    ).eval()
    target, source = sequence(prefix(140, 140, 60, 3)), sequence(prefix(80, 80, 10, 30))
    blocks = (
        transformer(target, source).values,
        transformer(target).values,
        transformer.last(target),
    )
    monkeypatch.setattr(module, "FEWEST_SCORES", 1 << 40)
    plain = transformer(target, source).values, transformer(target).values, transformer.last(target)
    real = target.mask.unsqueeze(-1)
    for ours, theirs in zip(blocks[:2], plain[:2], strict=True):
        torch.testing.assert_close(ours * real, theirs * real, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(blocks[2], plain[2], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_the_last_step_alone_is_that_of_the_whole(causal):
    torch.manual_seed(0)
    transformer = CrossmodalTransformer(WIDTH, HEADS, num_layers=2, causal=causal).eval()
    masked = sequence(prefix(9, 9, 4, 1, 0))
    whole = transformer(masked).values
    expected = torch.stack([whole[0, 8], whole[1, 3], whole[2, 0], torch.zeros(WIDTH)])
    torch.testing.assert_close(transformer.last(masked), expected, rtol=1e-5, atol=1e-6)
