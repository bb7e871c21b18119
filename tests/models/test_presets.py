"""The presets of PGF-Net and its ablations: sizes, gradients, and what they start from."""

import pytest
import torch
from random_batch import (
    DIMS,
    NO_STEPS,
    architecture,
    labelled,
    perturbed,
    random_inputs,
    without_gradient,
)

from pgf_plugin.config import load_config
from pgf_plugin.models import PRESETS, build_module, build_on_meta, ledger

DEFAULT = "pgf_net/pgf_net_bert-base_mosi.py"
ABLATIONS = {
    "concatenation": {"model.block.cross_attention.type": "PGFConcatenation"},
    "summation": {"model.block.cross_attention.type": "PGFSummation"},
    "sum gate": {"model.block.gate.type": "PGFSumGate"},
    "scalar gate": {"model.block.gate.type": "PGFScalarGate"},
    "fixed gate": {"model.block.gate.type": "PGFFixedGate"},
    "no adapter": {"model.block.adapter.type": "PGFNoAdapter"},
    "no LoRA": {"model.encoder.lora_rank": None},
    "audio only": {"model.feature_dims.vision": None},
    "vision only": {"model.feature_dims.audio": None},
    "text only": {"model.feature_dims.audio": None, "model.feature_dims.vision": None},
    **{f"preset {name}": {"model.preset": name} for name in PRESETS},
}
SIZES = {
    "preset 3m": 3_067_341,
    "preset full": 45_067_661,
    "preset paramfree": 2_793_869,
    "preset lite": 956_461,
    "concatenation": 3_067_341 - 12 * (27_424 - 26_384),
    "summation": 3_067_341,
    "sum gate": 3_067_341 - 12 * 19_200,
    "scalar gate": 3_067_341 - 12 * (19_200 - 1_537),
    "fixed gate": 3_067_341 - 12 * 19_200,
    "no adapter": 3_067_341 - 1_208_076,
    "no LoRA": 3_067_341 - 1_179_648,
    "audio only": 3_067_341 - (20 * 64 * 3 + 64 + 64),
    "vision only": 3_067_341 - (5 * 64 * 3 + 64 + 64),
    "text only": 3_067_341 - 564_544,
}
every_ablation = pytest.mark.parametrize("name", ABLATIONS)


def small(name):
    """The model of the default config with an ablation, over a tiny encoder."""
    model = load_config(DEFAULT, ABLATIONS[name]).model.to_dict()
    given = {key: value for key, value in model["encoder"].items() if key.startswith("lora_")}
    model["encoder"] = {
        "type": "HFTextEncoder",
        "architecture": architecture(),
        "freeze": True,
        **given,
    }
    dims = model["feature_dims"]
    model["feature_dims"] = {key: DIMS[key] if dims[key] else None for key in dims}
    torch.manual_seed(0)
    return build_module(model).eval()


def pooled(model, inputs):
    with torch.no_grad():
        return model(inputs, outputs=["modality_features"]).modality_features["text"]


@every_ablation
def test_the_size_on_bert_base_is_known(name):
    assert (
        ledger(build_on_meta(load_config(DEFAULT, ABLATIONS[name]).model)).trainable
        == (SIZES[name])
    )


@every_ablation
def test_untrained_it_is_near_the_encoder(name):
    model, inputs = small(name), random_inputs(tokens=True)
    with torch.no_grad():
        plain = model.encoder(inputs).pool(model.pooling)
    got = pooled(model, inputs)
    centred = (x - x.mean(-1, keepdim=True) for x in (got, plain))
    assert torch.cosine_similarity(*centred).min() > 0.98


@every_ablation
def test_after_one_step_every_parameter_has_a_gradient(name):
    model, inputs = small(name).train(), random_inputs(tokens=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        model.zero_grad()
        model(inputs, labelled(4), mode="loss")["loss_task"].backward()
        gradients = without_gradient(model)
        optimizer.step()
    assert gradients == []


@every_ablation
def test_without_keys_the_block_is_its_adapter(name):
    model, inputs = perturbed(small(name)).eval(), random_inputs(NO_STEPS, tokens=True)
    bank = None if model.bank is None else model.bank(inputs)
    hidden = torch.randn(4, 8, 16)
    for block in model.blocks:
        refined, _ = block(hidden, bank, block.available_outputs)
        assert torch.equal(refined[0], block.adapter(hidden[:1])[0])
        assert bank is None or not torch.allclose(refined[1], block.adapter(hidden[1:2])[0])


@every_ablation
def test_every_output_it_names_has_a_value_a_layer(name):
    model, inputs = small(name), random_inputs(tokens=True)
    output = model(inputs, outputs=model.available_outputs)
    for key in ("gates", "attention"):
        if key in model.available_outputs:
            assert all(isinstance(value, torch.Tensor) for value in output[key])


def test_a_given_size_wins_over_the_preset():
    options = {"model.preset": "lite", "model.encoder.lora_rank": 32}
    rows = ledger(build_on_meta(load_config(DEFAULT, options).model)).rows
    trainable = {row.group: row.trainable for row in rows}
    assert (trainable["lora"], trainable["adapter"]) == (1_179_648, 322_764)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model.preset": "lit"}, "preset must be one of '3m', 'full', 'paramfree', 'lite', got"),
        (
            {"model.preset": "paramfree", "model.bank.width": 64},
            "model.bank.width=64 for an encoder of width 768",
        ),
        (
            {"model.block.gate.type": "PGFFixedGate", "model.block.gate.value": 1.5},
            r"value must be a number in \[0, 1\], got 1.5",
        ),
        (
            {"model.block.cross_attention": {"type": "PGFConcatenation", "rank": 0}},
            "rank must be an integer >= 1, got 0",
        ),
    ],
)
def test_what_cannot_work_is_told(options, message):
    with pytest.raises(ValueError, match=message):
        build_on_meta(load_config(DEFAULT, options).model)
