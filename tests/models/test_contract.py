"""What every model promises, whichever it is: its modes, its outputs, its copies, its refusals."""

import copy

import pytest
import torch
from contract import (
    FEATURES,
    MMSA,
    ONE_SCORE,
    SUBJECTS,
    TYPES,
    batch,
    build,
    close,
    every_model,
    parametrize,
    predict,
    represent,
    type_of,
)
from random_batch import DIMS, labelled, perturbed

from pgf_plugin.models.mmsa_settings import OUTPUT_LAYERS
from pgf_plugin.structures import MSADataSample, MSAOutput


def test_there_are_models():
    assert len(TYPES) >= 4
    assert {type_of(name) for name in SUBJECTS} == set(TYPES)
    assert MMSA.keys() == OUTPUT_LAYERS.keys()


@parametrize(texts=True)
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
    for wanted in model.available_outputs:
        assert list(model(inputs, outputs=[wanted])) == ["prediction", wanted]
    if "modality_features" not in model.available_outputs:
        assert type_of(name) == "MMSAModel"  # some of MMSA's modules give none
        return
    features = model(inputs, outputs=["modality_features"]).modality_features
    assert list(features) == ["text", *model.feature_dims]
    assert all(value.shape[0] == 4 and value.ndim == 2 for value in features.values())


@parametrize(names=[name for name in SUBJECTS if type_of(name) not in ONE_SCORE])
def test_several_scores(name):
    head = {"type": type(build(name).head).__name__, "out_features": 3}
    model = build(name, **({"head": head} if type_of(name) != "MMSAModel" else {"out_features": 3}))
    inputs = batch()
    scores = predict(model, inputs)
    assert scores.shape == (4, 3)
    apart = scores - scores[:, :1]  # (4, 3)
    assert (apart[:, 1:].std(dim=0) > 1e-4).all(), "one score, shifted"
    assert model(inputs, labelled(4, n_out=3), mode="loss")["loss_task"].isfinite()
    with pytest.raises(ValueError, match=r"shape \(4, 3\), label \(4, 1\)"):
        model(inputs, labelled(4), mode="loss")


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "losses"}, "mode must be one of 'tensor', 'loss', 'predict', got 'losses'. Did"),
        ({"outputs": ["gatse"]}, "outputs of {type} must be (one of .*'modality_features'|empty)"),
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
    with pytest.raises(ValueError, match=message.format(type=type_of(name))):
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
