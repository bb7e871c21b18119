"""MulT: its crossmodal transformer against torch's attention, its mask, its streams."""

import numpy as np
import pytest
import torch
from random_batch import DIMS, TEXT_DIM, random_inputs
from torch import nn

from pgf_plugin.models.build import build_module
from pgf_plugin.models.encoders.sequence import TemporalConv, last_step
from pgf_plugin.models.fusions.crossmodal import (
    CrossmodalLayer,
    CrossmodalTransformer,
    causal_mask,
    sinusoids,
)
from pgf_plugin.structures import MaskedSequence


def build(feature_dims=DIMS, **settings):
    torch.manual_seed(0)
    config = {
        "type": "MulT",
        "encoder": {"type": "PrecomputedTextEncoder", "in_features": TEXT_DIM},
        "feature_dims": feature_dims,
        **{"width": 8, "num_heads": 2, "num_layers": 1, "num_memory_layers": 1, **settings},
    }
    return build_module(config).eval()


def prefix_mask(*lengths, steps):
    return torch.arange(steps) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize("self_attention", [False, True])
def test_a_layer_equals_torchs_attention_between_norms(self_attention):
    torch.manual_seed(0)
    layer = CrossmodalLayer(width=8, num_heads=2).eval()
    reference = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        layer.in_proj.bias.normal_()
        reference.in_proj_weight.copy_(layer.in_proj.weight)
        reference.in_proj_bias.copy_(layer.in_proj.bias)
        reference.out_proj.load_state_dict(layer.out_proj.state_dict())
    hidden = torch.randn(2, 5, 8)
    memory = None if self_attention else torch.randn(2, 7, 8)
    source = hidden if self_attention else memory
    steps = source.shape[1]
    key_mask = prefix_mask(3, steps, steps=steps)
    allowed = torch.ones(5, steps).tril(2).bool()

    keys = layer.attention_norm(source)
    attended, _ = reference(
        layer.attention_norm(hidden), keys, keys, key_padding_mask=~key_mask, attn_mask=~allowed
    )
    expected = hidden + attended
    expected = expected + layer.feedforward(layer.feedforward_norm(expected))
    torch.testing.assert_close(
        layer(hidden, memory, key_mask, allowed), expected, rtol=1e-5, atol=1e-5
    )


def test_without_a_valid_key_only_the_bias_of_the_output_is_added():
    layer = CrossmodalLayer(width=4, num_heads=1).eval()
    nn.init.constant_(layer.out_proj.bias, 0.5)
    hidden = torch.randn(1, 3, 4)
    expected = hidden + 0.5
    expected = expected + layer.feedforward(layer.feedforward_norm(expected))
    got = layer(hidden, torch.randn(1, 2, 4), torch.zeros(1, 2, dtype=torch.bool), None)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(("target", "source"), [(4, 4), (3, 7), (7, 3), (1, 5)])
def test_the_causal_mask_of_an_unpadded_pair_is_the_references(target, source):
    got = causal_mask(prefix_mask(target, steps=target), prefix_mask(source, steps=source))
    forbidden = np.triu(np.ones((target, source)), 1 + abs(source - target)).astype(bool)
    np.testing.assert_array_equal(got[0, 0].numpy(), ~forbidden)


def test_the_causal_mask_follows_the_real_lengths():
    padded = causal_mask(prefix_mask(2, 5, steps=5), prefix_mask(4, 1, steps=6))
    alone = causal_mask(prefix_mask(2, steps=2), prefix_mask(4, steps=4))
    assert torch.equal(padded[:1, :, :2, :4], alone)


@pytest.mark.parametrize(("causal", "same"), [(True, True), (False, False)])
def test_a_causal_transformer_does_not_see_later_steps(causal, same):
    torch.manual_seed(0)
    model = CrossmodalTransformer(8, num_heads=2, num_layers=2, causal=causal).eval()
    full = prefix_mask(6, steps=6)
    target, source = torch.randn(1, 6, 8), torch.randn(1, 6, 8)
    later = source.clone()
    later[:, 3:] = torch.randn(1, 3, 8)
    before = model(MaskedSequence(target, full), MaskedSequence(source, full)).values[:, :3]
    after = model(MaskedSequence(target, full), MaskedSequence(later, full)).values[:, :3]
    assert torch.allclose(before, after, atol=1e-6) is same


@pytest.mark.parametrize("width", [6, 7])
def test_sinusoids_follow_the_formula(width):
    table = sinusoids(9, width).numpy()
    for position in range(9):
        for column in range(width):
            angle = position / 10000 ** (2 * (column // 2) / width)
            expected = np.cos(angle) if column % 2 else np.sin(angle)
            assert table[position, column] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("position_embedding", [True, False])
def test_only_the_position_embedding_knows_the_order(position_embedding):
    model = build(causal=False, kernel_size=1, position_embedding=position_embedding)
    inputs = random_inputs({"text": [4], "audio": [6], "vision": [3]})
    plain = model(inputs, outputs=["modality_features"]).modality_features["text"]
    inputs["audio"] = inputs["audio"].flip(1)
    flipped = model(inputs, outputs=["modality_features"]).modality_features["text"]
    assert torch.allclose(plain, flipped, atol=1e-5) is not position_embedding


@pytest.mark.parametrize(
    ("feature_dims", "streams", "width"),
    [({}, [], 8), ({"audio": 5}, ["audio"], 16), (DIMS, ["audio", "vision"], 48)],
    ids=["text", "two", "three"],
)
def test_streams_by_number_of_modalities(feature_dims, streams, width):
    model = build(feature_dims)
    assert list(model.branches["text"].streams) == streams
    assert model.head.out.in_features == width


def test_settings_by_modality():
    model = build(
        kernel_size={"text": 1, "audio": 3, "vision": 5},
        attention_dropout={"text": 0.1, "audio": 0.2, "vision": 0.3},
    )
    kernels = [model.projections[name].conv.kernel_size for name in ("text", "audio", "vision")]
    assert kernels == [(1,), (3,), (5,)]
    branch = model.branches["audio"]
    assert branch.streams["vision"].layers[0].attention_dropout == 0.3
    assert branch.memory.layers[0].attention_dropout == 0.1  # that of text, as in MMSA


@pytest.mark.parametrize("kernel_size", [1, 4, 5, 9])
def test_the_convolution_keeps_length_and_sees_no_padding(kernel_size):
    conv = TemporalConv(3, 4, kernel_size).eval()
    values = torch.randn(1, 2, 3)
    alone = conv(MaskedSequence(values, torch.ones(1, 2, dtype=torch.bool)))
    padded = torch.cat((values, torch.full((1, 5, 3), 9.0)), dim=1)
    longer = conv(MaskedSequence(padded, prefix_mask(2, steps=7)))
    assert alone.values.shape == (1, 2, 4)
    torch.testing.assert_close(longer.values[:, :2], alone.values)


def test_the_last_real_step_is_read():
    values = torch.arange(12.0).reshape(3, 4, 1)
    got = last_step(MaskedSequence(values, prefix_mask(4, 2, 0, steps=4)))
    assert got.flatten().tolist() == [3.0, 5.0, 0.0]
