"""Audio and vision with one step a step of the text."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.checks import check_names
from pgf_plugin.datasets.transforms.base import (
    FEATURES,
    Lengths,
    SampleTransform,
    is_tokens,
    steps_of,
)
from pgf_plugin.datasets.transforms.crop import SPECIAL_TOKENS
from pgf_plugin.errors import ConfigError, check_one_of
from pgf_plugin.registry import TRANSFORMS

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample


class TimesUnknownWarning(UserWarning):
    """A sequence is to be aligned by times, and the sample has none."""


@TRANSFORMS.register_module()
class AlignToText(SampleTransform):
    """Pools audio and vision to one step a step of the text.

    Where a sample holds the times of its steps (``text_times`` and ``audio_times``, (steps, 2)
    begin and end in seconds), a step of the text takes the mean of all steps that overlap it; one
    without any, or without a time, is zero. Where it does not, the sequence is shared out evenly in
    order, as ``torch.nn.AdaptiveAvgPool1d`` does; the special tokens of a text get zeros, because
    nobody speaks them. A sequence without any step stays without.

    The datasets of this package hand on no times, not even those of computational sequences, which
    ``align='words'`` of their reader aligns by times: to have them here, a callable that adds them
    must stand before this transform.

    Args:
        modalities: which are aligned.
        how: ``'times'``: by times where the sample has them, else evenly with a
            :class:`TimesUnknownWarning`; ``'even'``: evenly in any
            case; ``'mmsa'``: as ``avg_pool`` of MMSA's ``AlignSubNet``, which repeats the last step
            until the length is a multiple of the text's L, and takes as step j the mean of the
            steps j, j + L, j + 2 L, …, which are no neighbours.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed, or a sample without text.
    """

    def __init__(self, modalities: Sequence[str] = FEATURES, how: str = "times") -> None:
        self.modalities = check_names("modalities", modalities)
        if "text" in self.modalities:
            raise ConfigError("modalities are aligned to the text: take 'text' out of them")
        self.named = ("text", *self.modalities) if modalities is not FEATURES else ("text",)
        self.how = check_one_of("how", how, ("times", "even", "mmsa"))

    def __call__(self, sample: "Sample") -> "Sample":
        """Align every one of ``modalities`` that the sample has."""
        text = steps_of(sample, "text")
        if text is None:
            raise ConfigError(
                "AlignToText needs the text of a sample: add 'text' to the dataset's modalities"
            )
        for name in self.modalities:
            if name in sample and len(sample[name]):
                sample = self._align(sample, name, len(text))
        return sample

    def lengths(self, lengths: Lengths) -> Lengths:
        """The text's steps, but for sequences without any."""
        return lengths | {
            name: np.where(lengths[name] > 0, lengths["text"], 0)
            for name in self.modalities
            if name in lengths
        }

    def _align(self, sample: "Sample", name: str, length: int) -> "Sample":
        steps, times = sample[name], sample.get(f"{name}_times")
        text_times = sample.get("text_times")
        if not length:
            pooled = steps[:0]
        elif self.how == "mmsa":
            pooled = mean_of_strided(steps, length)
        elif self.how == "times" and times is not None and text_times is not None:
            pooled = mean_by_times(steps, times, text_times)
        else:
            pooled = self._evenly(sample, name, length)
        aligned = {**sample, name: pooled}
        aligned.pop(f"{name}_times", None)  # now those of the text
        return aligned if text_times is None else {**aligned, f"{name}_times": text_times}

    def _evenly(self, sample: "Sample", name: str, length: int) -> NDArray[np.float32]:
        if self.how == "times":
            warnings.warn(
                f"AlignToText is to align {name} by times, but the samples hold no text_times and "
                f"{name}_times, so its steps are shared out evenly: set how='even' if that is "
                "meant, add the times by a transform before this one, or read computational "
                "sequences with align='words'",
                TimesUnknownWarning,
                stacklevel=4,
            )
        steps = sample[name]
        if not is_tokens(sample, "text") or length <= SPECIAL_TOKENS:
            return mean_of_shares(steps, length)
        pooled = np.zeros((length, steps.shape[1]), steps.dtype)
        pooled[1:-1] = mean_of_shares(steps, length - SPECIAL_TOKENS)
        return pooled


def mean_of_shares(steps: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Share (T, D) out to (L, D): step j is the mean from floor(j T / L) to ceil((j + 1) T / L)."""
    edges = np.arange(length + 1) * len(steps)
    return _means(steps, edges[:-1] // length, -(-edges[1:] // length))


def mean_by_times(
    steps: NDArray[np.float32], times: NDArray, text_times: NDArray
) -> NDArray[np.float32]:
    """Mean of the steps (T, D) that overlap each interval of ``text_times``, (L, D).

    Args:
        steps: in the order of their times.
        times: (T, 2) begin and end of each step, neither of which decreases.
        text_times: (L, 2), NaN where a step of the text has no time.
    """
    timed = ~np.isnan(text_times).any(axis=1)
    begin, end = np.where(timed[:, None], text_times, 0).T
    first = np.searchsorted(times[:, 1], begin, side="right")
    last = np.searchsorted(times[:, 0], end, side="left")
    return _means(steps, first, np.where(timed, np.maximum(first, last), first))


def mean_of_strided(steps: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """MMSA's ``avg_pool``, (length, D): means of steps that lie ``length`` apart."""
    groups = -(-len(steps) // length)
    padding = np.repeat(steps[-1:], groups * length - len(steps), axis=0)
    return np.concatenate([steps, padding]).reshape(groups, length, -1).mean(0)


def _means(steps: NDArray, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray:
    """Means of ``steps[first:last]``, (L, D); zero where that is empty."""
    # Sums from the beginning in float64, so that their differences are exact to float32.
    total = np.concatenate([np.zeros((1, steps.shape[1])), np.cumsum(steps, 0, np.float64)])
    count = (last - first)[:, None]
    return ((total[last] - total[first]) / np.maximum(count, 1)).astype(steps.dtype)
