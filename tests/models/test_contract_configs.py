"""The contract of the models, with the settings of every config, over a small encoder and features.

The configs are found by their names: a new one is held to the same promises without a change here.
"""

from functools import cache
from pathlib import Path

import pytest
import torch
from contract import (
    ALL_MODALITIES,
    FEATURES,
    TOKENS,
    TYPES,
    assert_close_in_bfloat16,
    batch,
    close,
    labels_for,
    needs,
    predict,
    represent,
    step_away,
    subsets,
    train_step,
)
from mmengine.config import Config
from random_batch import DIMS, LENGTHS, perturbed, select, without_gradient

from pgf_plugin.bench import plan_trials
from pgf_plugin.config import config_root, list_configs, load_config
from pgf_plugin.models import MSAModel, build_module, build_on_meta, ledger

CONFIGS = list_configs()


@cache
def models_of(config):
    """Every model that a config trains, by name."""
    cfg = load_config(config)
    if "bench" not in cfg:
        return {config: cfg.model}
    return {trial.model: trial.config.model for trial in plan_trials(cfg, work_dir=Path())}


def made_small(model):
    """The model of a config; its settings stay, its encoder is a tiny one of the same kind.

    Features are as wide whatever the data set: configs that differ in that alone are one case.
    """
    model = model.to_dict()
    model["feature_dims"] = {name: DIMS.get(name) for name in model["feature_dims"]}
    encoder = model["encoder"]
    if encoder["type"] == "PrecomputedTextEncoder":
        model["encoder"] = FEATURES
    else:
        kept = {key: encoder[key] for key in encoder if key.startswith("lora_")}
        kept |= {"lora_dropout": 0.0, "freeze": encoder.get("freeze", True)}
        without = {} if model.get("preset") else {"lora_rank": None}  # a preset has a rank
        model["encoder"] = {**TOKENS, **without, **kept}
    if model["type"] == "MMSAModel":  # reads all of its fixed lengths, which takes long
        model["seq_lens"] = {"text": 8, "audio": 12, "vision": 12}
    return model


@cache
def settings():
    """Every different model of the configs, made small, by the first config's name."""
    found = {}
    for config in sorted(CONFIGS, key=lambda name: name.startswith("bench/")):
        for model in models_of(config).values():
            small = made_small(model)
            if small not in found.values():
                found[f"{config.removesuffix('.py')}-{model.type}"] = small
    return found


def of_every_config():
    return pytest.mark.parametrize(
        "model",
        [
            pytest.param(model, id=name, marks=needs(model["type"]))
            for name, model in settings().items()
        ],
    )


def build(model, **changes):
    torch.manual_seed(0)
    return build_module({**model, **changes})


def batch_for(model, *arguments, **options):
    return batch(*arguments, encoder=model["encoder"], dims=model["feature_dims"], **options)


def test_there_are_configs_of_every_model():
    assert len(CONFIGS) >= 70
    configured = {model["type"] for config in CONFIGS for model in models_of(config).values()}
    assert configured >= set(TYPES), "a model without a config"


@pytest.mark.parametrize("config", CONFIGS)
def test_every_config_builds_its_models_offline_and_without_memory(config):
    for name, model in models_of(config).items():
        if model.type == "MMSAModel":
            pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
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


@of_every_config()
def test_trains(model):
    built, inputs = build(model), batch_for(model)
    train_step(built, inputs)
    step_away(built, lr=0.001)  # short, for wide features: predictions stay below the labels
    losses = train_step(built, inputs)
    assert all(loss.isfinite() for loss in losses.values())
    assert without_gradient(built) == []
    one = batch_for(model, {**{key: [7] for key in LENGTHS}, "audio": [9]})
    losses = train_step(built, one)
    assert all(loss.isfinite() for loss in losses.values())
    assert all(p.grad.isfinite().all() for p in built.parameters() if p.requires_grad)


@of_every_config()
def test_predicts_the_same_whatever_surrounds_a_sample(model):
    built, inputs = perturbed(build(model), spread=0.05).eval(), batch_for(model)
    whole = represent(built, inputs)
    assert built(inputs, labels_for(built, inputs), mode="loss")["loss_task"].isfinite()
    samples = built(inputs, mode="predict")
    close(torch.stack([sample.prediction for sample in samples]), predict(built, inputs))
    close(represent(built, select(inputs, [2, 0, 3, 1])), whole[[2, 0, 3, 1]])
    close(torch.cat([represent(built, select(inputs, [row])) for row in range(4)]), whole)
    if not model.get("reference"):
        padded = batch_for(model, extra=9, padding=float("nan"), padding_id=7)
        close(represent(built, padded), whole)
    elif model["encoder"] is FEATURES:
        padded = batch_for(model, extra=9)
        assert not torch.isclose(represent(built, padded), whole).all(), "it reads no padding"


@of_every_config()
def test_is_close_in_bfloat16_and_whole_in_its_state_dict(model):
    built, inputs = perturbed(build(model), spread=0.05).eval(), batch_for(model)
    assert_close_in_bfloat16(built, inputs)
    other = perturbed(build(model), spread=0.05, seed=2).eval()
    assert not torch.equal(predict(other, inputs), predict(built, inputs))
    other.load_state_dict(built.state_dict())
    assert torch.equal(represent(other, inputs), represent(built, inputs))


@of_every_config()
def test_any_subset_of_its_modalities(model):
    full = model["feature_dims"]
    for dims in subsets(full)[:-1]:
        if model["type"] in ALL_MODALITIES:
            with pytest.raises(ValueError, match=r"feature_dims must name audio and vision"):
                build(model, feature_dims=dims)
        else:
            built = build(model, feature_dims=dims)
            assert predict(built.eval(), batch_for(model)).isfinite().all()
