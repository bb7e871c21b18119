"""Sequences cut to a longest length."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.transforms.base import (
    Lengths,
    RandomTransform,
    by_modality,
    is_tokens,
    named_in,
    steps_of,
    take_steps,
)
from pgf_plugin.errors import ConfigError, check_one_of, check_positive_int
from pgf_plugin.registry import TRANSFORMS

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample

_PLACES = {"head": 0.0, "center": 0.5, "tail": 1.0}
SPECIAL_TOKENS = 2


@TRANSFORMS.register_module()
class CropSteps(RandomTransform):
    """Cuts longer sequences to a window of ``max_steps``.

    A random window begins at the same fraction of every modality, so that what happens at one time
    stays together. The special tokens at both ends of a text are kept.

    Args:
        max_steps: modality to the steps that are left, such as ``dict(audio=400)``.
        where: ``'head'`` keeps the first steps, ``'tail'`` the last, ``'center'`` those in the
            middle, ``'random'`` a window drawn for each sample. New input (``pgf predict``) is then
            cut in the middle.
        seed: of the random windows.
        per_epoch: whether they are drawn anew in every epoch.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed.
    """

    def __init__(
        self,
        max_steps: Mapping[str, int],
        where: str = "head",
        seed: int = 0,
        per_epoch: bool = True,
    ) -> None:
        super().__init__(seed, per_epoch)
        if not isinstance(max_steps, Mapping):
            raise ConfigError(
                f"max_steps must be a dict such as dict(audio=400), got {max_steps!r}"
            )
        self.max_steps = by_modality("max_steps", max_steps, check_positive_int)
        self.named = named_in(max_steps)
        self.where = check_one_of("where", where, (*_PLACES, "random"))

    def __call__(self, sample: "Sample") -> "Sample":
        """Cut every modality of ``max_steps`` that the sample has."""
        if self.where == "random":
            return self._crop(sample, self.generator(sample, "window").random())
        return self._crop(sample, _PLACES[self.where])

    def prepare(self, sample: "Sample") -> "Sample":
        """Cut new input in the middle where windows are random."""
        return self._crop(sample, _PLACES.get(self.where, _PLACES["center"]))

    def lengths(self, lengths: Lengths) -> Lengths:
        """Steps after the cut."""
        return lengths | {
            name: np.minimum(lengths[name], limit)
            for name, limit in self.max_steps.items()
            if name in lengths
        }

    def _crop(self, sample: "Sample", fraction: float) -> "Sample":
        for name, limit in self.max_steps.items():
            steps = steps_of(sample, name)
            if steps is not None and len(steps) > limit:
                window = _window(len(steps), limit, fraction, special=is_tokens(sample, name))
                sample = take_steps(sample, name, window)
        return sample


def _window(length: int, limit: int, fraction: float, *, special: bool) -> NDArray[np.int64]:
    """Positions, (limit,), of a window at ``fraction`` of the room that it has."""
    if special and limit > SPECIAL_TOKENS:
        inner = _window(length - SPECIAL_TOKENS, limit - SPECIAL_TOKENS, fraction, special=False)
        return np.concatenate([[0], inner + 1, [length - 1]])
    room = length - limit
    return min(int(fraction * (room + 1)), room) + np.arange(limit)
