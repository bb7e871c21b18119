"""The text-only net, and what the baselines refuse; see also ``test_contract.py``."""

import pytest
import torch
from random_batch import DIMS, architecture, random_inputs
from torch import nn

from pgf_plugin.models.build import build_module

MODELS = {
    "MulT": {"type": "MulT", "width": 8, "num_heads": 2, "num_layers": 2},
    "MISA": {"type": "MISA", "width": 16, "feedforward_features": 32},
}


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_the_text_only_net_is_its_encoder_and_its_head(pooling):
    encoder = {"type": "HFTextEncoder", "architecture": architecture()}
    config = {"type": "TextOnlyNet", "encoder": encoder, "feature_dims": DIMS, "pooling": pooling}
    model, inputs = build_module(config).eval(), random_inputs(tokens=True)
    assert model.feature_dims == {}
    pooled = model.encoder(inputs).pool(pooling)
    assert torch.equal(model(inputs).prediction, model.head(pooled))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("MulT", {"num_heads": 3}, r"num_heads must divide.*num_heads=3, width=8"),
        ("MulT", {"width": 0}, r"width must be an integer >= 1, got 0"),
        ("MulT", {"num_layers": 0}, r"num_layers must be .* got 0"),
        ("MulT", {"num_memory_layers": 0}, r"num_memory_layers must be .* got 0"),
        ("MulT", {"kernel_size": 0}, r"kernel_size must be .* got 0"),
        ("MulT", {"kernel_size": {"text": 3, "audio": 0, "vision": 1}}, r"kernel_size\.audio"),
        ("MulT", {"kernel_size": {"text": 3}}, r"kernel_size .* without \['audio', 'vision'\]"),
        ("MulT", {"kernel_size": {"txt": 3}}, r"kernel_size .*'txt'.*'text'"),
        ("MulT", {"attention_dropout": 1.0}, r"attention_dropout must be .* got 1\.0"),
        ("MulT", {"text_dropout": -0.1}, r"text_dropout must be .* got -0\.1"),
        ("MulT", {"embedding_dropout": 2}, r"embedding_dropout must be .* got 2"),
        ("MulT", {"head": {"type": "MulTHead", "out_features": 0}}, r"out_features"),
        ("MISA", {"num_heads": 3}, r"num_heads must divide.*num_heads=3, width=16"),
        ("MISA", {"width": -1}, r"width must be an integer >= 1, got -1"),
        ("MISA", {"rnn_features": 0}, r"rnn_features must be .* got 0"),
        ("MISA", {"fusion_dropout": 1}, r"fusion_dropout must be .* got 1"),
        ("MISA", {"num_moments": 0}, r"num_moments must be .* got 0"),
        ("MISA", {"similarity_weight": -1}, r"similarity_weight must be .* >= 0, got -1"),
        ("MISA", {"difference_weight": float("nan")}, r"difference_weight must be .* got nan"),
        ("MISA", {"head": {"type": "MISAHead", "dropout": 1}}, r"dropout must be"),
    ],
)
def test_a_bad_setting_is_named_before_the_encoder_loads(name, settings, message):
    missing = {"type": "HFTextEncoder", "pretrained": "./no/such/encoder"}
    with pytest.raises(ValueError, match=message):
        build_module({**MODELS[name], **settings}, encoder=missing, feature_dims=DIMS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "max"}, r"pooling must be one of 'cls', 'mean', got 'max'"),
        ({"feature_dims": {"audio": 0}}, r"model.feature_dims.audio must be .* got 0"),
        ({"feature_dims": ["audio"]}, r"model.feature_dims must be a dict .* got \['audio'\]"),
        ({"type": "LMF", "head": nn.Identity()}, "model.head must have out_features.*Identity"),
        (
            {"type": "TFN", "head": {"type": "TFNHead", "label_range": 3}},
            "label_range must be two finite numbers .* got 3",
        ),
        ({"head": {"type": "MSARegressionHead", "dropout": 1}}, r"dropout must be .* got 1"),
        ({"loss": {"type": "MSARegressionLoss", "kind": "mae"}}, r"kind must be one of 'l1'"),
    ],
)
def test_a_bad_setting_of_another_net(settings, message):
    encoder = {"type": "HFTextEncoder", "architecture": architecture()}
    with pytest.raises(ValueError, match=message):
        build_module({"type": "TextOnlyNet", "encoder": encoder, **settings})
