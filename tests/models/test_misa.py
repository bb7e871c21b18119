"""MISA: its sequence encoder against plain LSTMs, its subspaces and its losses' weights."""

import pytest
import torch
from random_batch import DIMS, TEXT_DIM, labelled, random_inputs

from pgf_plugin.models.build import build_module
from pgf_plugin.models.encoders.sequence import BiLSTMEncoder
from pgf_plugin.models.losses.misa import difference_loss, reconstruction_loss, similarity_loss
from pgf_plugin.structures import MaskedSequence


def build(feature_dims=DIMS, **settings):
    torch.manual_seed(0)
    config = {
        "type": "MISA",
        "encoder": {"type": "PrecomputedTextEncoder", "in_features": TEXT_DIM},
        "feature_dims": feature_dims,
        "width": 16,
        "feedforward_features": 32,
        **settings,
    }
    return build_module(config).eval()


def losses(model, inputs):
    return model(inputs, labelled(len(inputs["text"])), mode="loss")


@pytest.mark.parametrize("hidden", [None, 3])
def test_the_sequence_encoder_equals_lstms_over_each_unpadded_sample(hidden):
    torch.manual_seed(0)
    encoder = BiLSTMEncoder(5, hidden)
    lengths = [4, 0, 7, 1]
    values = torch.randn(4, 9, 5)
    mask = torch.arange(9) < torch.tensor(lengths)[:, None]
    got = encoder(MaskedSequence(values, mask))
    assert got.shape == (4, encoder.out_features) == (4, 4 * (hidden or 5))
    for row, length in enumerate(lengths):
        if length == 0:
            assert not got[row].any()
            continue
        steps, (first, _) = encoder.first(values[row, :length])
        _, (second, _) = encoder.second(encoder.norm(steps))
        expected = torch.cat((first[0], second[0], first[1], second[1]))
        torch.testing.assert_close(got[row], expected, rtol=1e-5, atol=1e-6)


def test_the_losses_are_those_of_the_subspaces_times_their_weights():
    model, inputs = build(), random_inputs()
    got = losses(model, inputs)
    features = model(inputs, outputs=["modality_features"]).modality_features
    private = {name: value[:, :16] for name, value in features.items()}
    shared = {name: value[:, 16:] for name, value in features.items()}
    projected = model.extract(inputs)
    decoded = {name: model.decoders[name](private[name] + shared[name]) for name in features}
    assert list(got) == ["loss_task", "loss_difference", "loss_similarity", "loss_reconstruction"]
    torch.testing.assert_close(got["loss_difference"], 0.1 * difference_loss(private, shared))
    torch.testing.assert_close(got["loss_similarity"], 0.3 * similarity_loss(shared))
    torch.testing.assert_close(got["loss_reconstruction"], reconstruction_loss(decoded, projected))


def test_the_task_loss_is_the_squared_error_unless_configured():
    inputs = random_inputs()
    model = build()
    error = model(inputs).prediction - torch.stack([s.label for s in labelled(4)])
    torch.testing.assert_close(losses(model, inputs)["loss_task"], error.square().mean())
    model = build(loss={"type": "MSARegressionLoss", "kind": "l1"})
    torch.testing.assert_close(losses(model, inputs)["loss_task"], error.abs().mean())


def test_the_subspaces_lie_in_the_interval_that_cmd_presumes():
    features = build()(random_inputs(), outputs=["modality_features"]).modality_features
    for value in features.values():
        assert value.shape == (4, 32)
        assert value.min() >= 0
        assert value.max() <= 1


def test_text_alone_has_no_loss_between_modalities():
    got = losses(build(feature_dims={}), random_inputs())
    assert got["loss_similarity"] == 0
    assert got["loss_difference"] > 0
    assert got["loss_reconstruction"] > 0


def test_a_loss_of_weight_zero_costs_nothing():
    model = build(difference_weight=0, similarity_weight=0, reconstruction_weight=0)
    assert list(losses(model, random_inputs())) == ["loss_task"]
    assert not any(key.startswith("decoders") for key in model.state_dict())


def test_text_is_the_mean_over_real_tokens():
    model, inputs = build(feature_dims={}), random_inputs()
    mean = torch.stack(
        [row[:n].mean(0) for row, n in zip(inputs["text"], [6, 3, 8, 1], strict=True)]
    )
    torch.testing.assert_close(model.extract(inputs)["text"], model.projections["text"](mean))


def test_padded_lstms_equal_packed_ones_with_their_gradients():
    torch.manual_seed(0)
    encoder = BiLSTMEncoder(5).eval()
    sequence = MaskedSequence(
        torch.randn(4, 19, 5), torch.arange(19) < torch.tensor([4, 0, 17, 1])[:, None]
    )
    packed = encoder._encode_packed(sequence)[[0, 2, 3]]
    padded = encoder._encode_padded(sequence)[[0, 2, 3]]
    torch.testing.assert_close(padded, packed, rtol=1e-5, atol=1e-6)
    parameters = list(encoder.parameters())
    expected = torch.autograd.grad(packed.square().sum(), parameters)
    got = torch.autograd.grad(padded.square().sum(), parameters)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
