"""MulT and MISA against MMSA's, on the same weights and batches."""

import pytest
import torch
from mmsa_reference import let_mag_bert_load, mmsa_inputs, mmsa_model, random_batch

from pgf_plugin.config import load_config
from pgf_plugin.errors import DataError
from pgf_plugin.interop.mmsa import CONVERSIONS, convert_state_dict
from pgf_plugin.models.build import build_module
from pgf_plugin.structures import MSADataSample

SETTINGS = {"mult": dict(use_bert=True, use_finetune=True), "misa": {}}


def build(name, bert):
    """The model of the shipped config, over another encoder."""
    model = load_config(CONVERSIONS[name].config, encoder=bert).model
    return build_module(model)


def samples(batch):
    return [MSADataSample(sample_id=str(n), label=row) for n, row in enumerate(batch["label"])]


def assert_same(mine, reference):
    # Below the floor lies rounding alone: biases of keys, say, whose gradients are zero.
    scale = max(float(reference.detach().abs().max()), 1e-3)
    torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-5 * scale)


def build_from_config(name):
    return build_module(load_config(CONVERSIONS[name].config).model)


@pytest.mark.parametrize("name", ["tfn", "lmf"])
def test_models_over_text_features_equal(name, lengths):
    theirs = mmsa_model(name, "")
    ours = build_from_config(name)
    ours.load_state_dict(convert_state_dict(name, theirs.state_dict()))
    batch = random_batch(lengths)
    batch["text"] = torch.randn(*batch["input_ids"].shape, 768)
    means = [batch[side].mean(dim=1, keepdim=True) for side in ("audio", "vision")]
    for model in (theirs.eval(), ours.eval()):
        model.zero_grad()

    reference = theirs(batch["text"], *means)["M"]
    assert_same(ours(batch).prediction, reference)
    loss = torch.nn.functional.l1_loss(reference, batch["label"])
    losses = ours(batch, samples(batch), mode="loss")
    assert_same(losses["loss_task"], loss)
    losses["loss_task"].backward()
    loss.backward()
    gradients = {key: value.grad for key, value in theirs.named_parameters() if value.requires_grad}
    converted = convert_state_dict(name, {**theirs.state_dict(), **gradients})
    for key, value in ours.named_parameters():
        assert_same(value.grad, converted[key])


@pytest.mark.parametrize("name", ["mult", "misa"])
def test_predictions_equal(name, bert, lengths):
    theirs = mmsa_model(name, bert, **SETTINGS[name]).eval()
    ours = build(name, bert).eval()
    ours.load_state_dict(convert_state_dict(name, theirs.state_dict()))
    for seed in range(3):
        batch = random_batch(lengths, seed)
        with torch.no_grad():
            assert_same(ours(batch).prediction, theirs(*mmsa_inputs(batch))["M"])


@pytest.mark.parametrize("name", ["mult", "misa"])
def test_losses_and_gradients_equal(name, bert, lengths):
    theirs = mmsa_model(name, bert, **SETTINGS[name])
    ours = build(name, bert)
    ours.load_state_dict(convert_state_dict(name, theirs.state_dict()))
    for model in (theirs.eval(), ours.eval()):  # without dropout, with gradients
        model.zero_grad()
    batch = random_batch(lengths)

    losses = ours(batch, samples(batch), mode="loss")
    sum(losses.values()).backward()
    expected = LOSSES[name](theirs, batch)
    assert losses.keys() == expected.keys()
    for key, value in expected.items():
        assert_same(losses[key], value)
    sum(expected.values()).backward()

    gradients = {
        key: torch.zeros_like(value) if value.grad is None else value.grad
        for key, value in theirs.named_parameters()
    }
    converted = convert_state_dict(name, gradients)
    trained = {key: value.grad for key, value in ours.named_parameters()}
    assert trained.keys() == converted.keys()
    for key, gradient in trained.items():
        assert_same(gradient, converted[key])
    for key in convert_state_dict(name, theirs.state_dict()).dropped:
        gradient = gradients.get(key if key in gradients else f"Model.{key}")
        assert gradient is None or not gradient.any(), f"MMSA trains {key}"


def mult_losses(model, batch):
    output = model(*mmsa_inputs(batch))["M"]
    return {"loss_task": torch.nn.L1Loss()(output, batch["label"])}


def misa_losses(model, batch):
    from MMSA.trains import singleTask

    args = model.Model.config
    trainer = singleTask.MISA(args)
    trainer.model = model
    output = model(*mmsa_inputs(batch))["M"]
    return {
        "loss_task": trainer.criterion(output, batch["label"]),
        "loss_difference": args.diff_weight * trainer.get_diff_loss(),
        "loss_similarity": args.sim_weight * trainer.get_cmd_loss(),
        "loss_reconstruction": args.recon_weight * trainer.get_recon_loss(),
    }


LOSSES = {"mult": mult_losses, "misa": misa_losses}


@pytest.mark.parametrize("name", ["mult", "misa"])
def test_the_prefix_of_the_trainer_does_not_matter(name, bert):
    state = mmsa_model(name, bert, **SETTINGS[name]).state_dict()
    bare = {key.removeprefix("Model."): value for key, value in state.items()}
    with_prefix, without = convert_state_dict(name, state), convert_state_dict(name, bare)
    assert with_prefix.keys() == without.keys()
    assert with_prefix.dropped == without.dropped
    assert with_prefix.dropped


def test_mult_without_a_text_encoder(bert):
    theirs = mmsa_model("mult", bert, use_bert=False).eval()
    config = load_config(CONVERSIONS["mult"].config).model
    config.encoder = dict(type="PrecomputedTextEncoder", in_features=768)
    ours = build_module(config).eval()
    ours.load_state_dict(convert_state_dict("mult", theirs.state_dict()))
    batch = random_batch((12, 40, 30))
    batch["text"] = torch.randn(4, 12, 768)
    with torch.no_grad():
        expected = theirs(batch["text"], batch["audio"], batch["vision"])["M"]
        assert_same(ours(batch).prediction, expected)


def test_what_has_the_right_width_is_not_projected(bert):
    theirs = mmsa_model("mult", bert, use_bert=False, feature_dims=[768, 50, 20]).eval()
    config = load_config(CONVERSIONS["mult"].config).model
    config.encoder = dict(type="PrecomputedTextEncoder", in_features=768)
    config.feature_dims = dict(audio=50, vision=20)
    ours = build_module(config).eval()
    ours.load_state_dict(convert_state_dict("mult", theirs.state_dict()))
    batch = random_batch((12, 40, 30))
    batch |= {"text": torch.randn(4, 12, 768), "audio": torch.randn(4, 40, 50)}
    with torch.no_grad():
        expected = theirs(batch["text"], batch["audio"], batch["vision"])["M"]
        assert_same(ours(batch).prediction, expected)


@pytest.mark.parametrize("dataset", ["mosei", "sims"])
@pytest.mark.parametrize("name", sorted(CONVERSIONS))
def test_the_configs_of_other_data_sets_build_the_models_of_mmsa(name, dataset, bert, monkeypatch):
    if name == "bert_mag":
        let_mag_bert_load(monkeypatch, bert)
    dims = {"mosei": [768, 74, 35], "sims": [768, 33, 709]}[dataset]
    settings = SETTINGS.get(name, {}) | dict(language="en", feature_dims=dims)
    theirs = mmsa_model(name, bert, dataset=dataset, seq_lens=(12, 12, 12), **settings)
    config = CONVERSIONS[name].config_for(dataset)
    encoder = None if name in ("tfn", "lmf") else bert
    ours = build_module(load_config(config, encoder=encoder).model)
    ours.load_state_dict(convert_state_dict(name, theirs.state_dict()))
    rates = sorted(module.p for module in ours.modules() if isinstance(module, torch.nn.Dropout))
    assert {rate for rate in rates if rate} <= dropouts_of(theirs.Model)


def dropouts_of(model):
    """Every rate of dropout in MMSA's model and its settings."""
    rates = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    for module in model.modules():
        rates |= {value for key, value in vars(module).items() if key.endswith("dropout")}
    return rates


def test_sequences_shorter_than_a_kernel_are_named(bert):
    with pytest.raises(ValueError, match=r"sequences of 3 steps .* kernel, 5, .*pad_to"):
        build("mult", bert)(random_batch((12, 3, 30)))


def test_fewer_steps_than_tokens_are_named(bert):
    with pytest.raises(ValueError, match=r"as many steps of audio as the text has tokens, 12"):
        build("misa", bert)(random_batch((12, 6, 30)))


def test_a_state_dict_of_another_model_is_refused(bert):
    state = mmsa_model("misa", bert).state_dict()
    with pytest.raises(
        DataError, match=r"MMSA's 'mult'.*\n.*12 missing: trans_l_with_a\.….*\n.*unknown: "
    ):
        convert_state_dict("mult", state)
    with pytest.raises(ValueError, match=r"name must be one of .*, got 'tfnn'. Did you mean 'tfn'"):
        convert_state_dict("tfnn", state)


def test_missing_and_surplus_names_are_listed(bert):
    state = dict(mmsa_model("misa", bert).state_dict())
    state = {key: value for key, value in state.items() if "vrnn2" not in key}
    state["Model.discriminator.discriminator_layer_1.weight"] = torch.zeros(1)
    with pytest.raises(DataError, match=r"1 missing: vrnn2\.….*\n.*1 unknown: discriminator"):
        convert_state_dict("misa", state)
