"""MISA: its sequence encoder against plain LSTMs, its subspaces and its losses' weights."""

import pytest
import torch
from random_batch import DIMS, TEXT_DIM, labelled, random_inputs

from pgf_plugin.models.build import build_module
from pgf_plugin.models.encoders.bilstm import BiLSTMEncoder, BiLSTMEncoders
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
    sequence = random_sequence([4, 0, 17, 1], steps=19, width=5)
    assert_same(encoder(sequence), encoder._encode_packed(sequence), encoder)


@pytest.mark.parametrize(
    ("steps", "together"), [((19, 19), True), ((19, 13), True), ((19, 12), False)]
)
def test_encoders_that_share_a_recurrence_equal_each_alone(monkeypatch, steps, together):
    torch.manual_seed(0)
    encoders = BiLSTMEncoders({"audio": BiLSTMEncoder(5), "vision": BiLSTMEncoder(3, 4)})
    sequences = {
        "audio": random_sequence([4, 0, 17, 1], steps[0], 5),
        "vision": random_sequence([9, 3, 0, 12], steps[1], 3),
    }
    runs = count_calls(monkeypatch, torch, "lstm")
    got = encoders(sequences)
    assert len(runs) == (2 if together else 4)
    for name, encoder in encoders.items():
        assert_same(got[name], encoder._encode_packed(sequences[name]), encoder)


def test_encoders_of_which_the_products_take_longer_than_the_steps_share_none(monkeypatch):
    encoders = BiLSTMEncoders({"audio": BiLSTMEncoder(16), "vision": BiLSTMEncoder(17)})
    runs = count_calls(monkeypatch, torch, "lstm")
    encoders(
        {name: random_sequence([4, 3], 4, width) for name, width in (("audio", 16), ("vision", 17))}
    )
    assert len(runs) == 4


def random_sequence(lengths, steps, width):
    mask = torch.arange(steps) < torch.tensor(lengths)[:, None]
    return MaskedSequence(torch.randn(len(lengths), steps, width), mask)


def count_calls(monkeypatch, module, name):
    calls, function = [], getattr(module, name)

    def counted(*args, **kwargs):
        calls.append(name)
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, counted)
    return calls


def assert_same(got, expected, encoder):
    """Vectors and, of a function of them, the gradients of the encoder."""
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    parameters = list(encoder.parameters())
    gradients = [
        torch.autograd.grad(states.square().sum(), parameters, retain_graph=True)
        for states in (got, expected)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)
