"""The cache of frozen layers: the same numbers, and no layer below the first that trains."""

import copy
import pickle

import pytest
import torch
from random_batch import (
    DIMS,
    architecture,
    labelled,
    perturbed,
    random_inputs,
    select,
    without_gradient,
)

from pgf_plugin.errors import ConfigError
from pgf_plugin.models.build import build_module
from pgf_plugin.models.encoders.frozen_states import without_frozen_states
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.encoders.layer_stack import FAMILIES

LAYERS = 3
KINDS = {name: {"family": name} for name in FAMILIES} | {
    "deberta-v2 with a convolution": {"family": "deberta-v2", "conv_kernel_size": 3}
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def inputs():
    return random_inputs(tokens=True)


def encoder_config(kind="bert", lora_start_layer=2, **settings):
    return {
        "type": "HFTextEncoder",
        "architecture": architecture(**KINDS[kind]),
        "freeze": True,
        "lora_rank": 2,
        "lora_dropout": 0.0,
        "lora_start_layer": lora_start_layer,
        "dropout": 0.0,
        **settings,
    }


def build_encoder(kind="bert", seed=0, **settings) -> HFTextEncoder:
    torch.manual_seed(seed)
    return perturbed(build_module(encoder_config(kind, **settings)), 0.1)


def build_model(name="PGFNet", start=2, kind="bert", model=None, **settings):
    torch.manual_seed(0)
    fusion = {"start_fusion_layer": start} if name in ("PGFNet", "MMA") else {}
    encoder = encoder_config(kind, **{"lora_start_layer": start, **settings})
    head = {"type": "MSARegressionHead", "dropout": 0.0}
    config = {"type": name, "encoder": encoder, "feature_dims": DIMS, "head": head}
    return perturbed(build_module({**config, **fusion, **(model or {})}), 0.1).train()


def runs(encoder, layer=0):
    """A list that grows each time the layer runs."""
    seen = []
    encoder.stack.layers(encoder.encoder)[layer].register_forward_hook(
        lambda *_: seen.append(layer)
    )
    return seen


def real(encoder, inputs):
    return encoder(inputs).values[inputs["attention_mask"].bool()]


# --- the same numbers ---------------------------------------------------------------------------


@every_kind
def test_losses_and_gradients_are_those_of_the_whole_encoder(kind, inputs):
    losses, gradients = [], []
    for cached in (False, True):
        model = build_model(kind=kind, cache_frozen=cached)
        seen = runs(model.encoder, layer=1)
        for _ in range(2):  # the second reads what the first has stored
            model.zero_grad()
            loss = sum(model(inputs, labelled(4), mode="loss").values())
            loss.backward()
        assert len(seen) == (4 if cached else 2)  # the four utterances, once each
        losses.append(loss)
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-6)
    assert any("lora_A" in name for name in gradients[1])
    for name, gradient in gradients[0].items():
        atol = 1e-5 * float(gradient.abs().max())
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-4, atol=atol)


@every_kind
def test_all_of_an_encoder_without_lora_is_looked_up(kind, inputs):
    plain, cached = (
        build_encoder(kind, lora_rank=None, cache_frozen=each) for each in (False, True)
    )
    seen = runs(cached, LAYERS - 1)
    first, second = real(cached, inputs), real(cached.eval(), inputs)
    torch.testing.assert_close(first, real(plain, inputs), rtol=1e-5, atol=1e-5)
    assert torch.equal(first, second)
    assert len(seen) == 4


@every_kind
def test_an_utterance_has_the_same_states_in_any_batch(kind, inputs):
    encoder = build_encoder(kind, lora_rank=None, cache_frozen={"max_bytes": 0})
    whole, mask = encoder(inputs).values, inputs["attention_mask"].bool()
    padded = random_inputs(tokens=True, extra=5, padding_id=7)
    reordered = encoder(select(padded, [2, 0])).values[:, : mask.shape[1]]
    for row, at in ((2, 0), (0, 1)):
        assert torch.equal(reordered[at][mask[row]], whole[row][mask[row]])


def test_padding_in_front_keeps_its_positions(inputs):
    plain, cached = build_encoder(), build_encoder(cache_frozen=True)
    moved = {name: inputs[name].flip(1) for name in ("input_ids", "attention_mask")}
    for each in (inputs, moved, moved):
        torch.testing.assert_close(real(cached, each), real(plain, each), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["MMA", "MulT", "TextOnlyNet"])
def test_other_models_use_it(name, inputs):
    plain, cached = (build_model(name, cache_frozen=each).eval() for each in (False, True))
    seen = runs(cached.encoder)
    for _ in range(2):
        got = cached(inputs).prediction
        torch.testing.assert_close(got, plain(inputs).prediction, rtol=1e-5, atol=1e-5)
    assert len(seen) == 4


def test_under_the_compiler_and_autocast(inputs):
    plain, cached = build_encoder(), build_encoder(cache_frozen=True)
    with torch.autocast("cpu", torch.bfloat16):
        cached(inputs)
    expected = real(plain, inputs)
    torch.testing.assert_close(real(cached, inputs), expected, rtol=1e-5, atol=1e-5)
    compiled = torch.compile(cached, backend="eager")
    torch.testing.assert_close(real(compiled, inputs), expected, rtol=1e-5, atol=1e-5)


def test_half_precision_takes_half_the_room_and_rounds(inputs):
    encoder = build_encoder(cache_frozen={"dtype": "float16"})
    first = real(encoder, inputs)
    assert torch.equal(real(encoder, inputs), first)
    torch.testing.assert_close(first, real(build_encoder(), inputs), rtol=1e-2, atol=1e-2)


# --- what runs, and how -------------------------------------------------------------------------


@pytest.mark.parametrize("cached", [False, True])
def test_nothing_below_is_recorded_for_the_backward_pass(cached, inputs):
    encoder, received = build_encoder(cache_frozen=cached), []
    layers = encoder.stack.layers(encoder.encoder)
    layers[2].register_forward_pre_hook(lambda module, args: received.append(args[0]))
    assert encoder(inputs).values.requires_grad
    assert not any(states.requires_grad for states in received)


def test_layers_below_have_no_dropout_and_those_above_keep_theirs(inputs):
    encoder = build_encoder(dropout=0.5, cache_frozen={"max_bytes": 0}).train()
    layers, received = encoder.stack.layers(encoder.encoder), []
    handle = layers[2].register_forward_pre_hook(lambda _, args: received.append(args[0]))
    first, second = real(encoder, inputs), real(encoder, inputs)
    handle.remove()
    assert not torch.equal(first, second)
    per_pass = [states for states in received if len(states) == 4]
    assert torch.equal(*per_pass)
    assert all(module.training for module in encoder.modules())


def test_weights_that_are_released_are_computed_and_hashed_again(inputs):
    encoder = build_encoder(cache_frozen=True)
    before = real(encoder, inputs)
    encoder.requires_grad_(True)
    seen = runs(encoder)
    real(encoder, inputs)
    assert len(seen) == 1
    with torch.no_grad():
        encoder.stack.layers(encoder.encoder)[0].get_parameter(
            "intermediate.dense.weight"
        ).normal_()
    encoder.requires_grad_(False)
    now = real(encoder, inputs)
    assert not torch.allclose(now, before, atol=1e-2)
    with without_frozen_states():
        torch.testing.assert_close(now, real(encoder, inputs), rtol=1e-5, atol=1e-5)


def test_without_frozen_states_runs_every_layer(inputs):
    encoder = build_encoder(cache_frozen=True)
    real(encoder, inputs)
    seen = runs(encoder)
    with without_frozen_states():
        real(encoder, inputs)
    assert len(seen) == 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_has_a_cache_of_its_own(copied, inputs):
    encoder = build_encoder(cache_frozen=True)
    values = real(encoder, inputs)
    other = copied(encoder)
    seen = runs(other)
    assert torch.equal(real(other, inputs), values)
    assert len(seen) == 4
    assert encoder.state_dict().keys() == build_encoder().state_dict().keys()


# --- what cannot work ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cache_frozen": {"max_byte": 1}}, "no setting 'max_byte'. Did you mean 'max_bytes'"),
        ({"cache_frozen": {"max_bytes": -1}}, r"cache_frozen\.max_bytes must be .* >= 0, got -1"),
        ({"cache_frozen": {"max_bytes": 1e9}}, r"cache_frozen\.max_bytes must be an integer"),
        ({"cache_frozen": {"dtype": "int8"}}, r"cache_frozen\.dtype must be one of 'float32'"),
        ({"cache_frozen": {"folder": ""}}, r"cache_frozen\.folder must be a string"),
        ({"cache_frozen": "yes"}, "must be True, False or a dict of folder, max_bytes, dtype"),
        ({"cache_frozen": True, "freeze": False}, "freeze=False trains them"),
        ({"cache_frozen": True, "lora_start_layer": 0}, "lora_start_layer=0 leaves none"),
    ],
)
def test_a_setting_that_cannot_work_is_told_with_its_key(settings, message):
    with pytest.raises(ValueError, match=message):
        build_encoder(**settings)


@pytest.mark.parametrize("name", ["PGFNet", "MMA"])
def test_lora_or_fusion_below_is_refused(name):
    with pytest.raises(ValueError, match=r"start_fusion_layer=2 .*lora_start_layer, which is 1,"):
        build_model(name, cache_frozen=True, lora_start_layer=1)
    with pytest.raises(ValueError, match="start_fusion_layer=0 leaves none"):
        build_model(name, start=0, cache_frozen=True, lora_start_layer=1)


def test_a_model_that_changes_the_embeddings_is_refused_when_it_is_built():
    with pytest.raises(ValueError, match="changes what they receive: leave cache_frozen out"):
        build_model("MAGBert", cache_frozen=True, model={"head": None})


def build_wrapper(layers=(), lora=None, **settings):
    """PGFWrapper around an encoder whose layers are kept, below the second."""
    at = "encoder.encoder.encoder.layer"
    return build_module(
        {
            "type": "PGFWrapper",
            "model": {
                "type": "TextOnlyNet",
                "encoder": encoder_config(**{"cache_frozen": True, **settings}),
                "head": {"type": "MSARegressionHead", "dropout": 0.0},
            },
            "layers": [f"{at}.{layer}" for layer in layers],
            "lora": lora and {"targets": f"{at}.{lora}", "rank": 2},
            "feature_dims": DIMS,
            "hidden_size": 16,
            "head": "head.**",
        }
    )


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"layers": ["*"]}, "layers"),
        ({"layers": ["1.output.dense"]}, "layers"),
        ({"lora": "[01].attention.self.query"}, r"lora\.targets"),
        ({"layers": ["2"], "lora_rank": None, "lora_start_layer": 0}, "layers"),
    ],
    ids=str,
)
def test_a_wrapper_puts_nothing_into_layers_that_are_kept(changes, key):
    with pytest.raises(ConfigError, match=rf"^{key}: 'encoder\..* of the frozen parts that cache"):
        build_wrapper(**changes)
    build_wrapper(**changes, cache_frozen=False)


def test_a_wrapper_puts_blocks_and_lora_above_them(inputs):
    predictions = []
    for cache_frozen in (True, False):
        torch.manual_seed(0)
        model = build_wrapper([2], "2.attention.output.dense", cache_frozen=cache_frozen)
        perturbed(model, 0.1)
        sum(model(inputs, labelled(4), mode="loss").values()).backward()
        assert without_gradient(model) == []
        predictions.append(model.eval()(inputs).prediction)
    assert torch.allclose(*predictions, atol=1e-5)
