"""What every model promises, whichever it is, and that every config builds.

The models are found in the registry and the configs by their names: a new one is held to the same
promises without a change here.
"""

import copy
import inspect
from functools import cache
from itertools import chain, combinations
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from random_batch import (
    DIMS,
    LENGTHS,
    NO_STEPS,
    TEXT_DIM,
    architecture,
    labelled,
    perturbed,
    random_inputs,
    select,
    without_gradient,
)

from pgf_plugin.bench import plan_trials
from pgf_plugin.config import config_root, list_configs, load_config
from pgf_plugin.models import MSAModel, build_module, build_on_meta, ledger
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MODALITIES, MSADataSample, MSAOutput

NAMES = sorted(
    name
    for name, component in MODELS.module_dict.items()
    if inspect.isclass(component)
    and issubclass(component, MSAModel)
    and component.__module__.startswith("pgf_plugin.")
)
SMALL = {
    "LMF": {"hidden_features": {"text": 8, "audio": 4, "vision": 6}, "text_features": 5},
    "TFN": {"hidden_features": {"text": 8, "audio": 4, "vision": 6}, "text_features": 5},
    "MISA": {"width": 16, "feedforward_features": 32},
    "MulT": {"width": 8, "num_heads": 2, "num_layers": 2, "num_memory_layers": 2},
}
"""For speed alone; a model that is not here is built with its defaults."""

ONE_SCORE = {"SelfMM"}
"""Models whose method is defined for one score a sample."""

INSIDE_THE_ENCODER = {"MAGBert", "MMA", "PGFNet"}
"""Models that need an encoder with layers, and so no precomputed text."""

TOKENS = {
    "type": "HFTextEncoder",
    "architecture": architecture(),
    "lora_rank": 2,
    "lora_dropout": 0.0,
    "dropout": 0.0,
    "freeze": True,
}
FEATURES = {"type": "PrecomputedTextEncoder", "in_features": TEXT_DIM}
SUBSETS = [
    dict(subset) for subset in chain.from_iterable(combinations(DIMS.items(), n) for n in range(3))
]
CONFIGS = list_configs()

every_model = pytest.mark.parametrize("name", NAMES)
every_subset = pytest.mark.parametrize("feature_dims", SUBSETS, ids=lambda dims: "+".join(dims))
either_text = pytest.mark.parametrize(
    ("name", "encoder"),
    [(name, TOKENS) for name in NAMES]
    + [(name, FEATURES) for name in NAMES if name not in INSIDE_THE_ENCODER],
    ids=lambda value: value if isinstance(value, str) else value["type"],
)


def build(name, feature_dims=DIMS, encoder=TOKENS, seed=0, **settings):
    """A model as if trained, so that nothing is hidden behind a projection that starts at zero."""
    torch.manual_seed(seed)
    config = {"type": name, **SMALL.get(name, {}), **settings}
    return perturbed(build_module(config, encoder=encoder, feature_dims=feature_dims)).eval()


def batch(*arguments, encoder=TOKENS, **settings):
    return random_inputs(*arguments, tokens=encoder is TOKENS, **settings)


def represent(model, inputs):
    """The prediction and what each modality is represented by, side by side, (B, …)."""
    with torch.no_grad():
        output = model(inputs, outputs=["modality_features"])
    return torch.cat([output.prediction, *output.modality_features.values()], dim=-1)


def predict(model, inputs):
    with torch.no_grad():
        return model(inputs).prediction


def train_step(model, inputs):
    model.train().zero_grad()
    losses = model(inputs, labelled(len(inputs["attention_mask"])), mode="loss")
    sum(losses.values()).backward()
    return losses


def close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


# --- configs ------------------------------------------------------------------------------------


@cache
def models_of(config):
    """Every model that a config trains, by name."""
    cfg = load_config(config)
    if "bench" not in cfg:
        return {config: cfg.model}
    return {trial.model: trial.config.model for trial in plan_trials(cfg, work_dir=Path())}


def test_there_are_models_and_configs():
    assert len(NAMES) >= 4
    assert len(CONFIGS) >= 5
    configured = {model["type"] for config in CONFIGS for model in models_of(config).values()}
    assert configured >= set(NAMES), "a model without a config"


@pytest.mark.parametrize("config", CONFIGS)
def test_every_config_builds_its_models_offline_and_without_memory(config):
    for name, model in models_of(config).items():
        built = build_on_meta(model)
        assert isinstance(built, MSAModel), name
        assert all(tensor.is_meta for tensor in built.parameters()), name
        rows = {row.group: row for row in ledger(built).rows}
        assert rows["head"].trainable, name
        assert "other" not in rows, name
        if model.encoder.get("freeze", True) and "encoder" in rows:
            assert not rows["encoder"].trainable, "pretrained weights train"


@pytest.mark.parametrize("model", ["mult", "misa"])
def test_the_base_configs_hold_published_settings_over_precomputed_text(model):
    trainable = {"mult": 2_571_551, "misa": 1_134_445}[model]
    base = Config.fromfile(f"{config_root()}/_base_/models/{model}.py").model
    base.feature_dims = {"audio": 5, "vision": 20}
    base.encoder = {"type": "PrecomputedTextEncoder", "in_features": 768}
    assert ledger(build_on_meta(base)).trainable == trainable


# --- modes and outputs --------------------------------------------------------------------------


@either_text
def test_the_modes_agree(name, encoder):
    model, inputs, samples = build(name, encoder=encoder), batch(encoder=encoder), labelled(4)
    output = model(inputs)
    assert isinstance(output, MSAOutput)
    assert list(output) == ["prediction"]
    assert output.prediction.shape == (4, 1)
    predicted = model(inputs, samples, mode="predict")
    assert all(got is sample for got, sample in zip(predicted, samples, strict=True))
    assert [sample.sample_id for sample in predicted] == ["0", "1", "2", "3"]
    got = torch.stack([sample.prediction for sample in predicted])
    assert torch.equal(got, output.prediction)
    assert not got.requires_grad
    losses = model(inputs, samples, mode="loss")
    label = torch.stack([sample.label for sample in samples])
    close(losses["loss_task"], model.loss(output.prediction, label))
    for key, loss in losses.items():
        assert "loss" in key  # mmengine sums what has it in its name
        assert loss.shape == ()
        assert loss.isfinite()


@every_model
def test_unlabelled_input_is_predicted(name):
    model, inputs = build(name), batch()
    samples = model(inputs, mode="predict")
    assert all(isinstance(sample, MSADataSample) for sample in samples)
    close(torch.stack([sample.prediction for sample in samples]), predict(model, inputs))


@every_model
def test_outputs_are_named_and_there_only_when_asked_for(name):
    model, inputs = build(name), batch()
    assert "modality_features" in model.available_outputs
    for wanted in model.available_outputs:
        assert list(model(inputs, outputs=[wanted])) == ["prediction", wanted]
    features = model(inputs, outputs=["modality_features"]).modality_features
    assert list(features) == ["text", *model.feature_dims]
    assert all(value.shape[0] == 4 and value.ndim == 2 for value in features.values())


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ONE_SCORE])
def test_several_scores(name):
    head = {"type": type(build(name).head).__name__, "out_features": 3}
    model, inputs = build(name, head=head), batch()
    assert model(inputs).prediction.shape == (4, 3)
    assert model(inputs, labelled(4, n_out=3), mode="loss")["loss_task"].isfinite()
    with pytest.raises(ValueError, match=r"shape \(4, 3\), label \(4, 1\)"):
        model(inputs, labelled(4), mode="loss")


# --- masks --------------------------------------------------------------------------------------


@every_subset
@either_text
def test_padding_does_not_matter(name, encoder, feature_dims):
    model = build(name, feature_dims, encoder)
    plain = represent(model, batch(encoder=encoder))
    for garbage in (50.0, float("nan")):
        padded = batch(encoder=encoder, extra=9, padding=garbage, padding_id=7)
        close(represent(model, padded), plain)


@every_subset
@either_text
def test_the_rest_of_the_batch_and_its_order_do_not_matter(name, encoder, feature_dims):
    model, inputs = build(name, feature_dims, encoder), batch(NO_STEPS, encoder=encoder)
    whole = represent(model, inputs)
    alone = torch.cat([represent(model, select(inputs, [row])) for row in range(4)])
    close(alone, whole)
    order = [2, 0, 3, 1]
    close(represent(model, select(inputs, order)), whole[order])


@pytest.mark.parametrize(
    "lengths", [NO_STEPS, {**LENGTHS, **dict.fromkeys(DIMS, [0] * 4)}], ids=["some", "all"]
)
@either_text
def test_samples_without_a_real_step_train_and_stay_finite(name, encoder, lengths):
    if encoder is FEATURES:  # a tokenizer, unlike an extractor, gives no text without tokens
        lengths = {**lengths, "text": [0, 3, 8, 1]}
    model = build(name, encoder=encoder)
    losses = train_step(model, batch(lengths, encoder=encoder))
    assert all(loss.isfinite() for loss in losses.values())
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key


# --- modalities ---------------------------------------------------------------------------------


@every_subset
@every_model
def test_no_more_of_the_batch_is_read_than_feature_dims_names(name, feature_dims):
    model, inputs = build(name, feature_dims), batch()
    kept = ("input_ids", "attention_mask", *feature_dims, *(f"{m}_mask" for m in feature_dims))
    without = {key: inputs[key] for key in kept}
    assert torch.equal(predict(model, without), predict(model, inputs))


@either_text
def test_every_modality_in_use_reaches_the_prediction(name, encoder):
    model, inputs = build(name, encoder=encoder), batch(encoder=encoder)
    plain = predict(model, inputs)
    for modality in ("text", *model.feature_dims):
        key = "input_ids" if modality == "text" and encoder is TOKENS else modality
        moved = {**inputs, key: inputs[key].flip(0)}
        assert not torch.isclose(predict(model, moved), plain, atol=1e-4).all(), modality


@pytest.mark.parametrize("name", sorted(INSIDE_THE_ENCODER))
def test_precomputed_text_is_refused_with_the_way_out(name):
    with pytest.raises(ValueError, match="HFTextEncoder"):
        build(name, encoder=FEATURES)


# --- training -----------------------------------------------------------------------------------


@every_subset
@either_text
def test_every_parameter_that_trains_gets_a_gradient(name, encoder, feature_dims):
    torch.manual_seed(0)
    config = {"type": name, **SMALL.get(name, {})}
    model = build_module(config, encoder=encoder, feature_dims=feature_dims)
    inputs = batch(encoder=encoder)
    train_step(model, inputs)
    if name == "SelfMM":  # a modality whose labels are still the sample's own has no loss
        model.bank.labels[:, 1:] -= 1
    torch.optim.SGD(model.parameters(), lr=0.05).step()  # away from what starts at zero
    train_step(model, inputs)
    assert without_gradient(model) == []
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    assert all(parameter.grad is None for parameter in frozen)


@pytest.mark.parametrize("steps", [7, 1], ids=["sequence", "single step"])
@every_model
def test_a_batch_of_one_trains(name, steps):
    model = build(name)
    losses = train_step(model, batch({modality: [steps] for modality in MODALITIES}))
    assert all(loss.isfinite() for loss in losses.values())
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


@every_model
def test_training_reduces_the_loss(name):
    torch.manual_seed(0)
    model = build_module({"type": name, **SMALL.get(name, {})}, encoder=TOKENS, feature_dims=DIMS)
    inputs = batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = train_step(model, inputs)["loss_task"].item()
    for _ in range(30):
        optimizer.step()
        train_step(model, inputs)
    final = model.eval()(inputs, labelled(4), mode="loss")["loss_task"].item()
    assert final < 0.5 * first


@every_model
def test_all_of_a_model_follows_its_mode(name):
    model = build(name)
    assert not any(module.training for module in model.modules())
    assert all(module.training for module in model.train().modules())


@every_model
def test_mixed_precision_is_close_to_float32(name):
    model, inputs = build(name), batch(NO_STEPS)
    plain = represent(model, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = represent(model, inputs).float()
        losses = model(inputs, labelled(4), mode="loss")
    assert torch.cosine_similarity(cast, plain).min() > 0.99
    assert all(loss.isfinite() for loss in losses.values())
    assert losses["loss_task"].dtype == torch.float32


# --- copies -------------------------------------------------------------------------------------


@every_model
def test_a_state_dict_carries_all_of_a_model(name):
    model, inputs = build(name), batch()
    other = build(name, seed=1)
    assert not torch.allclose(predict(other, inputs), predict(model, inputs))
    other.load_state_dict(model.state_dict())
    assert torch.equal(represent(other, inputs), represent(model, inputs))


@every_model
def test_a_deep_copy_is_the_same_and_independent(name):
    model, inputs = build(name), batch()
    before = represent(model, inputs)
    twin = copy.deepcopy(model)
    assert torch.equal(represent(twin, inputs), before)
    perturbed(twin)
    assert torch.equal(represent(model, inputs), before)


# --- what cannot work ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "losses"}, "mode must be one of 'tensor', 'loss', 'predict', got 'losses'. Did"),
        ({"outputs": ["gatse"]}, "outputs of {name} must be one of .*'modality_features'"),
        ({"mode": "loss"}, "needs one data sample a row of the batch: got 0 for 4 rows"),
        ({"mode": "loss", "samples": 3}, "got 3 for 4 rows"),
        ({"mode": "predict", "samples": 3}, "got 3 for 4 rows"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(map(str, value.values())),
)
@every_model
def test_a_wrong_call_is_told(name, arguments, message):
    arguments = dict(arguments)
    samples = labelled(arguments.pop("samples", 0)) or None
    with pytest.raises(ValueError, match=message.format(name=name)):
        build(name)(batch(), samples, **arguments)


@every_model
def test_a_missing_label_is_told_with_its_sample(name):
    samples = labelled(4)
    del samples[2].label
    with pytest.raises(ValueError, match=r"1 of 4 samples have no label \(first: '2'\)"):
        build(name)(batch(), samples, mode="loss")


@every_model
def test_data_that_do_not_fit_the_config_are_told(name):
    inputs = batch()
    model = build(name)
    for modality in model.feature_dims:
        without = {key: value for key, value in inputs.items() if key != modality}
        with pytest.raises(
            ValueError, match=f"uses '{modality}' .*model.feature_dims.*'input_ids'"
        ):
            model(without)
        unmasked = {key: value for key, value in inputs.items() if key != f"{modality}_mask"}
        with pytest.raises(ValueError, match=f"'{modality}_mask'"):
            model(unmasked)
        wide = {**inputs, modality: inputs[modality].repeat(1, 1, 2)}
        told = rf"feature_dims\.{modality} is {DIMS[modality]}, but .* {2 * DIMS[modality]} feat"
        with pytest.raises(ValueError, match=told):
            model(wide)


@every_model
def test_text_of_the_other_kind_is_told(name):
    with pytest.raises(ValueError, match=r"needs 'input_ids'.*PrecomputedTextEncoder"):
        build(name)(batch(encoder=FEATURES))
