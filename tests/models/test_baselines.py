"""What MulT and MISA have in common: masks, subsets of modalities, gradients, modes."""

from itertools import chain, combinations
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from random_batch import DIMS, LENGTHS, TEXT_DIM, labelled, random_inputs, select

from pgf_plugin.models.base import build_module
from pgf_plugin.models.meta import build_on_meta

PRECOMPUTED = {"type": "PrecomputedTextEncoder", "in_features": TEXT_DIM}
TINY_BERT = {
    "model_type": "bert",
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
MODELS = {
    "MulT": {"type": "MulT", "width": 8, "num_heads": 2, "num_layers": 2, "num_memory_layers": 2},
    "MISA": {"type": "MISA", "width": 16, "feedforward_features": 32},
}
SUBSETS = [
    dict(subset) for subset in chain.from_iterable(combinations(DIMS.items(), n) for n in range(3))
]
CONFIGS = Path(__file__).parents[2] / "configs" / "_base_" / "models"

every_model = pytest.mark.parametrize("name", MODELS)
every_subset = pytest.mark.parametrize("feature_dims", SUBSETS, ids=lambda dims: "+".join(dims))


def build(name, feature_dims=DIMS, encoder=PRECOMPUTED, **settings):
    torch.manual_seed(0)
    return build_module({**MODELS[name], **settings}, encoder=encoder, feature_dims=feature_dims)


def represent(model, inputs):
    """Prediction and modality features, side by side, (B, …)."""
    with torch.no_grad():
        output = model.eval()(inputs, outputs=["modality_features"])
    return torch.cat([output.prediction, *output.modality_features.values()], dim=-1)


def train_step(model, inputs):
    model.train()
    losses = model(inputs, labelled(len(inputs["text"])), mode="loss")
    sum(losses.values()).backward()
    return losses


@every_subset
@every_model
def test_padding_does_not_matter(name, feature_dims):
    model = build(name, feature_dims)
    plain = represent(model, random_inputs())
    padded = represent(model, random_inputs(extra=9, padding=50.0))
    torch.testing.assert_close(padded, plain, rtol=1e-5, atol=1e-5)


@every_subset
@every_model
def test_the_rest_of_the_batch_and_its_order_do_not_matter(name, feature_dims):
    model, inputs = build(name, feature_dims), random_inputs()
    whole = represent(model, inputs)
    alone = torch.cat([represent(model, select(inputs, [row])) for row in range(4)])
    torch.testing.assert_close(alone, whole, rtol=1e-5, atol=1e-5)
    order = [2, 0, 3, 1]
    torch.testing.assert_close(
        represent(model, select(inputs, order)), whole[order], rtol=1e-5, atol=1e-5
    )


@every_model
def test_each_modality_reaches_the_prediction(name):
    model, inputs = build(name), random_inputs()
    plain = model.eval()(inputs).prediction
    for modality in ("text", "audio", "vision"):
        changed = {**inputs, modality: inputs[modality] + 1.0}
        assert not torch.allclose(model(changed).prediction, plain, atol=1e-4), modality


@every_model
def test_a_modality_left_out_of_feature_dims_is_not_read(name):
    model, inputs = build(name, {"vision": 7}), random_inputs()
    without = {key: value for key, value in inputs.items() if not key.startswith("audio")}
    torch.testing.assert_close(represent(model, without), represent(model, inputs))


@every_subset
@every_model
def test_every_trainable_parameter_gets_a_gradient(name, feature_dims):
    model, inputs = build(name, feature_dims), random_inputs()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    train_step(model, inputs)
    optimizer.step()
    optimizer.zero_grad()
    train_step(model, inputs)
    without = [
        key for key, p in model.named_parameters() if p.grad is None or not p.grad.count_nonzero()
    ]
    assert without == []


@pytest.mark.parametrize(
    "lengths",
    [
        {**LENGTHS, "audio": [0, 4, 1, 6], "vision": [0, 11, 0, 7]},
        {**LENGTHS, "audio": [0] * 4, "vision": [0] * 4},
        {"text": [0, 3, 8, 1], "audio": [0, 4, 1, 6], "vision": [0, 11, 5, 7]},
    ],
    ids=["some samples", "whole batch", "nothing at all"],
)
@every_model
def test_samples_without_a_real_step_stay_finite(name, lengths):
    model = build(name)
    inputs = random_inputs(lengths)
    losses = train_step(model, inputs)
    assert all(loss.isfinite() for loss in losses.values())
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
    alone = represent(model, select(inputs, [1]))
    torch.testing.assert_close(represent(model, inputs)[1:2], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lengths", [7, 1], ids=["sequence", "single step"])
@every_model
def test_a_batch_of_one_trains(name, lengths):
    model = build(name)
    inputs = random_inputs({modality: [lengths] for modality in LENGTHS})
    losses = train_step(model, inputs)
    assert all(loss.isfinite() for loss in losses.values())
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@every_model
def test_training_reduces_the_loss(name):
    model, inputs = build(name), random_inputs()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    first = train_step(model, inputs)["loss_task"].item()
    for _ in range(60):
        optimizer.step()
        optimizer.zero_grad()
        train_step(model, inputs)
    final = model.eval()(inputs, labelled(4), mode="loss")["loss_task"].item()
    assert final < 0.5 * first


@every_model
def test_the_modes_agree(name):
    model, inputs = build(name).eval(), random_inputs()
    output = model(inputs)
    assert output.prediction.shape == (4, 1)
    assert output.modality_features is None
    features = model(inputs, outputs=["modality_features"]).modality_features
    assert list(features) == ["text", "audio", "vision"]
    predicted = model(inputs, labelled(4), mode="predict")
    torch.testing.assert_close(
        torch.stack([sample.prediction for sample in predicted]), output.prediction.detach()
    )


@every_model
def test_several_scores(name):
    model = build(name, head={"type": f"{name}Head", "out_features": 3})
    losses = model(random_inputs(), labelled(4, n_out=3), mode="loss")
    assert losses["loss_task"].isfinite()
    assert model(random_inputs()).prediction.shape == (4, 3)


@every_model
def test_over_a_token_encoder(name):
    encoder = {"type": "HFTextEncoder", "architecture": TINY_BERT}
    model, inputs = build(name, encoder=encoder), random_inputs()
    inputs["input_ids"] = torch.arange(32).reshape(4, 8) % 40
    losses = train_step(model, inputs)
    assert all(loss.isfinite() for loss in losses.values())
    assert any(p.grad is not None and p.grad.any() for p in model.encoder.parameters())


@every_model
def test_bfloat16_autocast_is_close_to_float32(name):
    model, inputs = build(name), random_inputs()
    plain = represent(model, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = represent(model, inputs)
    torch.testing.assert_close(cast.float(), plain, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(("name", "trainable"), [("MulT", 2_571_551), ("MISA", 1_134_445)])
def test_the_base_config_builds_without_memory(name, trainable):
    model = Config.fromfile(CONFIGS / f"{name.lower()}.py").model
    model.feature_dims = {"audio": 5, "vision": 20}
    model.encoder = {"type": "PrecomputedTextEncoder", "in_features": 768}
    built = build_on_meta(model)
    assert sum(p.numel() for p in built.parameters() if p.requires_grad) == trainable


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
        build(name, encoder=missing, **settings)
