"""Modalities that a sample lacks: for studies of robustness, and as augmentation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pgf_plugin.datasets.transforms.base import (
    RandomTransform,
    by_modality,
    is_tokens,
    named_in,
    special_token,
    steps_of,
    take_steps,
    with_steps,
)
from pgf_plugin.datasets.transforms.crop import SPECIAL_TOKENS
from pgf_plugin.errors import check_one_of, check_probability
from pgf_plugin.registry import TRANSFORMS
from pgf_plugin.structures import MODALITIES

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample


@TRANSFORMS.register_module()
class MissingModality(RandomTransform):
    """Takes a modality from a sample, at a rate; each modality by a draw of its own.

    Args:
        rate: probability in [0, 1] that a sample lacks audio, and that it lacks vision; or modality
            to probability.
        fill: ``'absent'``: nothing is left, and the mask says so; ``'zeros'``: every step is real
            and zero, as from a sensor that sends nothing. Of a text of tokens the special ones stay
            in any case, and ``'zeros'`` makes the others unknown tokens.
        seed: of the draws.
        per_epoch: whether every epoch draws anew.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed.
    """

    def __init__(
        self,
        rate: float | Mapping[str, float],
        fill: str = "absent",
        seed: int = 0,
        per_epoch: bool = False,
    ) -> None:
        super().__init__(seed, per_epoch)
        self.rate = by_modality("rate", rate, check_probability)
        self.named = named_in(rate)
        self.fill = check_one_of("fill", fill, ("absent", "zeros"))
        self.needs_special_tokens = self.fill == "zeros" and self.rate.get("text", 0) > 0

    def __call__(self, sample: "Sample") -> "Sample":
        """Take what is drawn."""
        for name in self.drawn(sample):
            sample = without(sample, name, self.fill)
        return sample

    def drawn(self, sample: "Sample") -> list[str]:
        """Modalities that this sample is to lack."""
        return [
            name
            for name, rate in self.rate.items()
            if steps_of(sample, name) is not None and self.generator(sample, name).random() < rate
        ]


@TRANSFORMS.register_module()
class ModalityDropout(MissingModality):
    """Takes modalities from samples as augmentation, but never all that carry signal.

    As :class:`MissingModality`, drawn anew in every epoch. What carries signal is a modality with a
    step that is not zero, or a word. If all that do were drawn, one of them, drawn at random, is
    kept.

    Args:
        rate: probability in [0, 1] that a sample lacks audio, and that it lacks vision; or modality
            to probability.
        fill: as for :class:`MissingModality`.
        seed: of the draws.
        per_epoch: whether every epoch draws anew.
    """

    def __init__(
        self,
        rate: float | Mapping[str, float],
        fill: str = "absent",
        seed: int = 0,
        per_epoch: bool = True,
    ) -> None:
        super().__init__(rate, fill, seed, per_epoch)

    def drawn(self, sample: "Sample") -> list[str]:
        """Modalities that this sample is to lack, never all that carry signal."""
        drawn = super().drawn(sample)
        carrying = [name for name in MODALITIES if carries_signal(sample, name)]
        if drawn and carrying and set(carrying) <= set(drawn):
            drawn.remove(carrying[self.generator(sample, "kept").integers(len(carrying))])
        return drawn


def carries_signal(sample: "Sample", name: str) -> bool:
    """Whether modality ``name`` has a step that is not zero, or a token that is not special."""
    steps = steps_of(sample, name)
    if steps is None:
        return False
    return len(steps) > SPECIAL_TOKENS if is_tokens(sample, name) else bool(np.any(steps))


def without(sample: "Sample", name: str, fill: str) -> "Sample":
    """Take modality ``name`` from the sample, as ``fill`` of :class:`MissingModality` says."""
    steps = sample["input_ids"] if is_tokens(sample, name) else sample[name]
    if not is_tokens(sample, name):
        if fill == "zeros":
            return with_steps(sample, name, np.zeros_like(steps))
        return take_steps(sample, name, slice(0))
    if len(steps) <= SPECIAL_TOKENS:
        return sample
    if fill == "zeros":
        ids = np.full_like(steps, special_token(sample, "unk"))
        ids[[0, -1]] = steps[[0, -1]]
        return with_steps(sample, name, ids)
    return take_steps(sample, name, np.array([0, len(steps) - 1]))
