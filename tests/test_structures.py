"""What passes between datasets, models, metrics and hooks."""

import pytest
import torch

from pgf_plugin.structures import MaskedSequence, MSADataSample, MSAOutput, stack_labels


@pytest.fixture(params=["without gradients", "with gradients"])
def sequence(request):
    mask = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]).bool()
    torch.manual_seed(0)
    return MaskedSequence(torch.randn(3, 4, 2, requires_grad="out" not in request.param), mask)


def test_the_first_step_is_pooled(sequence):
    pooled = sequence.pool("cls")
    assert torch.equal(pooled[:2], sequence.values[:2, 0])
    assert not pooled[2].any()  # it has no step, whatever its padding holds


def test_the_mean_is_over_the_real_steps(sequence):
    pooled = sequence.pool("mean")
    torch.testing.assert_close(pooled[0], sequence.values[0, :3].mean(0))
    assert torch.equal(pooled[1], sequence.values[1, 0])
    assert not pooled[2].any()


@pytest.mark.parametrize("garbage", [1e30, float("inf"), float("nan")])
def test_what_fills_the_padding_does_not_matter_to_the_mean(sequence, garbage):
    filled = sequence.values.detach().masked_fill(~sequence.mask.unsqueeze(-1), garbage)
    filled.requires_grad_(sequence.values.requires_grad)
    pooled = sequence._replace(values=filled).pool("mean")
    assert torch.equal(pooled, sequence.pool("mean"))
    if filled.requires_grad:
        pooled.sum().backward()
        assert not filled.grad[~sequence.mask].any()


def test_the_mean_is_the_same_with_gradients_and_without_them(sequence):
    with torch.no_grad():
        expected = sequence.pool("mean")
    torch.testing.assert_close(sequence.pool("mean"), expected)


def test_the_mean_keeps_the_type(sequence):
    assert sequence._replace(values=sequence.values.bfloat16()).pool("mean").dtype == torch.bfloat16


def test_labels_are_stacked_in_the_order_of_the_samples():
    samples = [MSADataSample(label=torch.tensor([float(n), -n])) for n in range(3)]
    assert stack_labels(samples).tolist() == [[0, 0], [1, -1], [2, -2]]


def test_samples_without_a_label_are_counted_and_the_first_is_named():
    samples = [MSADataSample(sample_id=str(n)) for n in range(3)]
    samples[0].label = torch.zeros(1)
    with pytest.raises(ValueError, match=r"2 of 3 samples have no label \(first: '1'\)"):
        stack_labels(samples)


def test_an_output_has_the_fields_that_were_given():
    output = MSAOutput(prediction=torch.zeros(2, 1), gates=(torch.ones(2, 3, 4),))
    assert list(output) == ["prediction", "gates"]
    assert output["gates"] is output.gates
    assert output.attention is None
    assert output[0] is output.prediction
