"""The three losses of MISA beside its task loss (Hazarika et al. 2020, arXiv 2005.03545).

Each takes representations by modality, ``{name: (B, D)}``, over any number of modalities.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

Representations = Mapping[str, Tensor]

_EPSILON = 1e-6


def similarity_loss(shared: Representations, n_moments: int = 5) -> Tensor:
    """Mean central moment discrepancy over all pairs of modalities (section 3.5.1).

    Args:
        shared: modality-invariant representations, each (B, D) with values in [0, 1].
        n_moments: highest moment K that is compared.

    Returns:
        Scalar; zero for a single modality.
    """
    moments = _central_moments(_stack(shared), n_moments)  # (K, M, D)
    pairs = list(combinations(range(len(shared)), 2))
    if not pairs:
        return moments.new_zeros(())
    first, second = zip(*pairs, strict=True)
    return _discrepancy(_chosen(moments, first, 1), _chosen(moments, second, 1)) / len(pairs)


def central_moment_discrepancy(x: Tensor, y: Tensor, n_moments: int = 5) -> Tensor:
    r"""Distance of two distributions by their central moments (Zellinger et al. 2017).

    .. math:: CMD_K(X, Y) = ||E(X) - E(Y)||_2 + \sum_{k=2}^{K} ||C_k(X) - C_k(Y)||_2

    for values in [0, 1], where the factors :math:`1 / |b - a|^k` are 1. Where two moments are
    equal the gradient is zero; that of the reference (MMSA 2.2.1) is NaN there, and so for every
    batch of one sample, whose central moments all vanish.

    Args:
        x: (B, D) samples of the first distribution.
        y: (B', D) samples of the second.
        n_moments: highest moment K that is compared.
    """
    return _discrepancy(_central_moments(x, n_moments), _central_moments(y, n_moments))


def difference_loss(private: Representations, shared: Representations) -> Tensor:
    """Sum of overlaps that should vanish (section 3.5.2).

    Each modality's private representation against its shared one, and against every other
    modality's private one.

    Args:
        private: modality-specific representations, each (B, D).
        shared: modality-invariant representations of the same modalities.

    Returns:
        Scalar. With a single modality only its private-shared term is left.
    """
    number = len(private)
    values = torch.cat((_stack(private), _stack({name: shared[name] for name in private})))
    units = _centred_unit_rows(values)  # (2 M, B, D), private first
    pairs = [(m, number + m) for m in range(number)] + list(combinations(range(number), 2))
    first, second = zip(*pairs, strict=True)
    return _overlap(_chosen(units, first), _chosen(units, second)) * len(pairs)


def orthogonality_loss(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared correlation between the dimensions of ``x`` and ``y``, each (B, D).

    The squared Frobenius norm of ``X^T Y`` over D², where X and Y are centred over the batch and
    their rows then scaled to unit length. As in the reference (MMSA 2.2.1), the entries are
    averaged (the paper sums them), and no gradient flows through the rows' lengths.
    """
    return _overlap(_centred_unit_rows(x), _centred_unit_rows(y))


def reconstruction_loss(reconstructed: Representations, original: Representations) -> Tensor:
    """Mean squared error, averaged over dimensions, samples and modalities (section 3.5.3).

    Args:
        reconstructed: decoded representations, each (B, D).
        original: what they should equal; gradients flow into both, as in the reference.
    """
    return F.mse_loss(
        _stack(reconstructed), _stack({name: original[name] for name in reconstructed})
    )


def _stack(representations: Representations) -> Tensor:
    return torch.stack(list(representations.values()))  # (M, B, D)


def _chosen(values: Tensor, places: Iterable[int], dim: int = 0) -> Tensor:
    """The slices at ``places``; an index made of them would have to be copied to a GPU."""
    return torch.stack([values.select(dim, place) for place in places], dim)


def _central_moments(values: Tensor, n_moments: int) -> Tensor:
    """The mean and the central moments 2 … K of (…, B, D), (K, …, D), in float32 at least."""
    values = _at_least_float32(values)
    mean = values.mean(dim=-2, keepdim=True)
    centred = values - mean
    higher = [centred.pow(k).mean(dim=-2) for k in range(2, n_moments + 1)]
    return torch.stack([mean.squeeze(-2), *higher])


def _discrepancy(x: Tensor, y: Tensor) -> Tensor:
    # vector_norm, unlike a square root of a sum, has a finite (zero) gradient at zero.
    return torch.linalg.vector_norm(x - y, dim=-1).sum()


def _centred_unit_rows(values: Tensor) -> Tensor:
    values = _at_least_float32(values)
    centred = values - values.mean(dim=-2, keepdim=True)
    length = torch.linalg.vector_norm(centred.detach(), dim=-1, keepdim=True)
    return centred / (length + _EPSILON)


def _overlap(x: Tensor, y: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):  # its products would be in half precision
        return (x.mT @ y).square().mean()


def _at_least_float32(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))
