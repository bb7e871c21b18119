"""What transforms of samples share: reading a sample, arguments by modality, chance by sample.

A transform is a callable that takes a sample (see :mod:`pgf_plugin.datasets.base`) and returns one.
It never writes into the arrays of the sample it is given: they belong to the dataset. A sample may
hold, beside what the dataset describes, ``epoch`` int, the epoch it is drawn for, and the times of
its steps, ``text_times``, ``audio_times``, ``vision_times``: (steps, 2) begin and end in seconds,
NaN where a step has none, such as the special tokens of a text.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pgf_plugin.datasets.chance import keyed_generator
from pgf_plugin.errors import ConfigError, check_bool, check_one_of, check_positive_int
from pgf_plugin.structures import MODALITIES

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample

T = TypeVar("T")
FEATURES = ("audio", "vision")
"""The modalities that a transform acts on where it is given one number for all of them."""

Lengths = dict[str, NDArray[np.int64]]
"""Modality to the steps of each sample, (N,)."""


class EpochUnknownWarning(UserWarning):
    """A transform is to draw anew in every epoch, and the index of a sample tells none."""


class SampleTransform(ABC):
    """A transform that leaves nothing to chance."""

    named: Sequence[str] = ()
    """Modalities that its arguments name: a dataset without one of them is refused."""

    needs_special_tokens = False
    """Whether samples of tokens must hold ``unk_token_id`` and ``mask_token_id``."""

    @abstractmethod
    def __call__(self, sample: "Sample") -> "Sample":
        """Return the transformed sample."""

    def prepare(self, sample: "Sample") -> "Sample":
        """Transform new input, which is no part of an experiment: nothing is left to chance."""
        return self(sample)

    def lengths(self, lengths: Lengths) -> Lengths:
        """Steps after the transform, for samples that had ``lengths`` steps before."""
        return lengths


class RandomTransform(SampleTransform):
    """A transform with chance.

    What it draws for a sample follows from its seed, its place among the transforms of the
    dataset, the sample's identifier and, where it draws ``per_epoch``, the epoch: not from the
    order of the samples, the batch size, the number of worker processes, or a resume.

    Args:
        seed: of everything drawn.
        per_epoch: whether every epoch draws anew, as augmentation does; else all epochs draw the
            same, as a test of robustness needs it.
    """

    position = 0
    """Place among the transforms of a dataset, which sets it."""

    def __init__(self, seed: int, per_epoch: bool) -> None:
        self.seed = check_positive_int("seed", seed, at_least=0)
        self.per_epoch = check_bool("per_epoch", per_epoch)

    def prepare(self, sample: "Sample") -> "Sample":
        """Leave new input as it is: what is drawn, and what disturbs, is not for it."""
        return sample

    def generator(self, sample: "Sample", purpose: str) -> Generator:
        """Random numbers for one sample.

        Args:
            sample: its ``sample_id`` counts, and its ``epoch`` where each draws anew.
            purpose: what they are for, such as a modality: other purposes draw independently.
        """
        epoch = self._epoch(sample) if self.per_epoch else "every"
        return keyed_generator(self.seed, self.position, epoch, purpose, sample["sample_id"])

    def _epoch(self, sample: "Sample") -> int:
        epoch = sample.get("epoch")
        if epoch is None:
            warnings.warn(
                f"{type(self).__name__} is to draw anew in every epoch, but the sampler does not "
                "tell the epoch, so all draw the same: set sampler=dict(type='EpochSampler'), or "
                "add batch_sampler=dict(type='LengthBucketSampler'), or set per_epoch=False",
                EpochUnknownWarning,
                stacklevel=4,
            )
            return 0
        return epoch


def by_modality(
    key: str, value: Any, check: Callable[[str, Any], T], names: Sequence[str] = FEATURES
) -> dict[str, T]:
    """Read an argument that is one value for all of ``names``, or a dict of modality to value.

    Raises:
        ConfigError: for an empty dict.
        ValueError: for an unknown modality, or a value that ``check`` refuses.
    """
    if not isinstance(value, Mapping):
        return {name: check(key, value) for name in names}
    if not value:
        raise ConfigError(f"{key} names no modality: give a value, or a dict such as dict(audio=…)")
    for name in value:
        check_one_of(f"a key of {key}", name, MODALITIES)
    return {name: check(f"{key}.{name}", value[name]) for name in MODALITIES if name in value}


def named_in(value: Any) -> tuple[str, ...]:
    """Modalities that an argument of :func:`by_modality` names."""
    return tuple(value) if isinstance(value, Mapping) else ()


def is_tokens(sample: "Sample", name: str) -> bool:
    """Whether modality ``name`` of the sample is token ids, the first and last of them special."""
    return name == "text" and "input_ids" in sample


def steps_of(sample: "Sample", name: str) -> NDArray | None:
    """Steps of modality ``name``: token ids (L,), or features (T, D); None where there are none."""
    return sample.get("input_ids" if is_tokens(sample, name) else name)


def features_of(sample: "Sample", name: str, transform: str) -> NDArray[np.float32] | None:
    """Features (T, D) of modality ``name``; None where the sample lacks the modality.

    Raises:
        ConfigError: if they are tokens, on which ``transform`` cannot act.
    """
    if is_tokens(sample, name):
        raise ConfigError(
            f"{transform} acts on features, and the text of this dataset is tokens: take 'text' "
            "out of its arguments, or use precomputed text features (text_features=True)"
        )
    return sample.get(name)


def special_token(sample: "Sample", kind: str) -> int:
    """Id of the tokenizer's ``'unk'`` or ``'mask'`` token.

    Raises:
        ConfigError: if the sample does not tell it, because the tokenizer has none.
    """
    if f"{kind}_token_id" not in sample:
        raise ConfigError(
            f"the tokenizer of this dataset has no {kind} token that could stand for a lost one: "
            "leave 'text' out of the transform, or take another encoder"
        )
    return sample[f"{kind}_token_id"]


def with_steps(sample: "Sample", name: str, steps: NDArray) -> "Sample":
    """Replace the steps of modality ``name``, one for one."""
    return {**sample, "input_ids" if is_tokens(sample, name) else name: steps}


def take_steps(sample: "Sample", name: str, index: NDArray[np.int64] | slice) -> "Sample":
    """Keep the steps ``index`` of modality ``name``, and their times where the sample has them."""
    steps = steps_of(sample, name)
    if steps is None:
        return sample
    taken = with_steps(sample, name, steps[index])
    times = f"{name}_times"
    return {**taken, times: sample[times][index]} if times in sample else taken
