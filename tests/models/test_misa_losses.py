"""MISA's losses against plain numpy, and their gradients where the reference has NaN."""

from itertools import combinations

import numpy as np
import pytest
import torch

from pgf_plugin.models.losses.misa import (
    central_moment_discrepancy,
    difference_loss,
    orthogonality_loss,
    reconstruction_loss,
    similarity_loss,
)

NAMES = ("text", "audio", "vision")


def samples(seed, batch=7, names=NAMES):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(batch, 5, generator=generator, dtype=torch.float64) for name in names}


def numpy_cmd(x, y, n_moments=5):
    x, y = x.numpy(), y.numpy()
    total = np.sqrt(((x.mean(0) - y.mean(0)) ** 2).sum())
    for k in range(2, n_moments + 1):
        c_x = ((x - x.mean(0)) ** k).mean(0)
        c_y = ((y - y.mean(0)) ** k).mean(0)
        total += np.sqrt(((c_x - c_y) ** 2).sum())
    return total


def numpy_orthogonality(x, y):
    rows = []
    for values in (x.numpy(), y.numpy()):
        centred = values - values.mean(0)
        rows.append(centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6))
    return ((rows[0].T @ rows[1]) ** 2).mean()


@pytest.mark.parametrize("n_moments", [1, 2, 5])
def test_cmd_equals_its_formula(n_moments):
    x, y = samples(0)["text"], samples(1, batch=4)["text"]
    got = central_moment_discrepancy(x, y, n_moments)
    assert got.item() == pytest.approx(numpy_cmd(x, y, n_moments), rel=1e-12)


def test_cmd_is_a_symmetric_distance():
    x, y = samples(0)["text"], samples(1)["text"]
    assert central_moment_discrepancy(x, y) == central_moment_discrepancy(y, x)
    assert central_moment_discrepancy(x, x.flip(0)).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("names", [NAMES, NAMES[:2]])
def test_similarity_is_the_mean_over_pairs(names):
    shared = samples(0, names=names)
    pairs = [numpy_cmd(shared[x], shared[y]) for x, y in combinations(names, 2)]
    assert similarity_loss(shared).item() == pytest.approx(np.mean(pairs), rel=1e-12)


def test_orthogonality_equals_its_formula():
    x, y = samples(0)["text"], samples(1)["text"]
    assert orthogonality_loss(x, y).item() == pytest.approx(numpy_orthogonality(x, y), rel=1e-12)


@pytest.mark.parametrize("names", [NAMES, NAMES[:2], NAMES[:1]])
def test_difference_is_the_sum_within_and_across_modalities(names):
    private, shared = samples(0, names=names), samples(1, names=names)
    expected = sum(numpy_orthogonality(private[name], shared[name]) for name in names)
    expected += sum(numpy_orthogonality(private[x], private[y]) for x, y in combinations(names, 2))
    assert difference_loss(private, shared).item() == pytest.approx(expected, rel=1e-12)


def test_no_gradient_flows_through_the_lengths_of_the_rows():
    x, y = samples(0)["text"].requires_grad_(), samples(1)["text"]
    centred = x - x.mean(0)
    length = centred.norm(dim=1, keepdim=True).detach()
    units = (y - y.mean(0)) / ((y - y.mean(0)).norm(dim=1, keepdim=True) + 1e-6)
    expected = ((centred / (length + 1e-6)).T @ units).square().mean()
    (want,) = torch.autograd.grad(expected, x)
    (got,) = torch.autograd.grad(orthogonality_loss(x, y), x)
    torch.testing.assert_close(got, want)


def test_reconstruction_is_the_mean_squared_error_over_modalities():
    decoded, original = samples(0), samples(1)
    errors = [((decoded[name] - original[name]).numpy() ** 2).mean() for name in NAMES]
    got = reconstruction_loss(decoded, original)
    assert got.item() == pytest.approx(np.mean(errors), rel=1e-12)


def test_a_single_modality_has_no_similarity_loss():
    assert similarity_loss(samples(0, names=("text",))) == 0


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("loss", [central_moment_discrepancy, orthogonality_loss])
def test_gradients_are_finite_where_moments_are_equal(loss, batch):
    x = samples(0, batch=batch)["text"].requires_grad_()
    y = x.detach().clone().requires_grad_()
    loss(x, y).backward()
    assert x.grad.isfinite().all()
    assert y.grad.isfinite().all()


def test_a_batch_of_one_is_pulled_together_by_its_means():
    x, y = samples(0, batch=1)["text"].requires_grad_(), samples(1, batch=1)["text"]
    distance = central_moment_discrepancy(x, y)
    assert distance.item() == pytest.approx((x - y).norm().item(), rel=1e-12)
    distance.backward()
    torch.testing.assert_close(x.grad, ((x - y) / (x - y).norm()).detach())


def test_half_precision_is_raised_to_float32():
    shared = {name: value.bfloat16() for name, value in samples(0).items()}
    assert similarity_loss(shared).dtype == torch.float32
    assert difference_loss(shared, shared).dtype == torch.float32


@pytest.mark.parametrize("loss", [similarity_loss, lambda shared: difference_loss(shared, shared)])
def test_mixed_precision_does_not_reach_the_losses(loss):
    shared = {name: value.float() for name, value in samples(0).items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = loss(shared)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, loss(shared))
