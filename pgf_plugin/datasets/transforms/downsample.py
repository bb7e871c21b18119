"""Fewer steps a second."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.transforms.base import (
    Lengths,
    SampleTransform,
    by_modality,
    features_of,
    named_in,
    with_steps,
)
from pgf_plugin.errors import check_one_of, check_positive_int
from pgf_plugin.registry import TRANSFORMS

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample


@TRANSFORMS.register_module()
class DownsampleSteps(SampleTransform):
    """Makes one step of every ``factor`` steps; those left over at the end make a step too.

    Args:
        factor: steps that become one: a number for audio and vision, or modality to number.
        how: ``'mean'`` takes their mean, ``'stride'`` the first of them.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed.
    """

    def __init__(self, factor: int | Mapping[str, int], how: str = "mean") -> None:
        self.factor = by_modality("factor", factor, check_positive_int)
        self.named = named_in(factor)
        self.how = check_one_of("how", how, ("mean", "stride"))

    def __call__(self, sample: "Sample") -> "Sample":
        """Shorten every modality of ``factor`` that the sample has."""
        for name, factor in self.factor.items():
            steps = features_of(sample, name, "DownsampleSteps")
            if steps is None:
                continue
            pooled = steps[::factor] if self.how == "stride" else mean_of_groups(steps, factor)
            if (times := sample.get(f"{name}_times")) is not None:
                sample = {**sample, f"{name}_times": _span(times, factor)}
            sample = with_steps(sample, name, pooled)
        return sample

    def lengths(self, lengths: Lengths) -> Lengths:
        """Steps that are left."""
        return lengths | {
            name: -(-lengths[name] // factor)
            for name, factor in self.factor.items()
            if name in lengths
        }


def mean_of_groups(steps: NDArray[np.float32], size: int) -> NDArray:
    """Means (ceil(T / size), D) of groups of ``size`` steps of (T, D)."""
    if not len(steps):
        return steps
    starts = np.arange(0, len(steps), size)
    counts = np.diff(np.append(starts, len(steps)))[:, None].astype(np.float32)
    return np.add.reduceat(steps, starts) / counts


def _span(times: NDArray, size: int) -> NDArray:
    """From the begin of the first step of a group to the end of its last, (groups, 2)."""
    last = np.minimum(np.arange(size - 1, len(times) + size - 1, size), len(times) - 1)
    return np.column_stack([times[::size, 0], times[last, 1]])
