"""Single steps that are lost, at the rates of MMSA's robustness experiments."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.transforms.base import (
    RandomTransform,
    by_modality,
    is_tokens,
    named_in,
    special_token,
    steps_of,
    with_steps,
)
from pgf_plugin.errors import check_one_of, check_probability
from pgf_plugin.registry import TRANSFORMS
from pgf_plugin.structures import MODALITIES

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample


@TRANSFORMS.register_module()
class MissingSteps(RandomTransform):
    """Loses each step of a modality by itself, with the probability ``rate``.

    As MMSA (``data_missing``, ``missing_rate``): a lost step of features is zero, a lost token is
    the tokenizer's unknown token, the special tokens at both ends of a text are kept, and lengths
    and masks stay, so that a model is not told what is lost. MMSA draws one array for a whole
    split, padding included, so that its draw for a sample hangs on the order of the file and the
    length of the padding; here each sample has a draw of its own, and the draws differ from MMSA's.

    Args:
        rate: probability in [0, 1] for text, audio and vision, or modality to probability.
        token: which of the tokenizer's special tokens stands for a lost one, ``'unk'`` or
            ``'mask'``.
        seed: of the draws.
        per_epoch: whether every epoch draws anew.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed.
    """

    def __init__(
        self,
        rate: float | Mapping[str, float],
        token: str = "unk",
        seed: int = 0,
        per_epoch: bool = False,
    ) -> None:
        super().__init__(seed, per_epoch)
        self.rate = by_modality("rate", rate, check_probability, MODALITIES)
        self.named = named_in(rate)
        self.token = check_one_of("token", token, ("unk", "mask"))
        self.needs_special_tokens = self.rate.get("text", 0) > 0

    def __call__(self, sample: "Sample") -> "Sample":
        """Lose steps of every modality of ``rate`` that the sample has."""
        for name, rate in self.rate.items():
            steps = steps_of(sample, name)
            if steps is None or not rate:
                continue
            draws = self.generator(sample, name).random(len(steps))
            tokens = is_tokens(sample, name)
            kept = kept_steps(draws, rate, ends=tokens)
            fill = special_token(sample, self.token) if tokens else 0
            mask = kept if tokens else kept[:, None]
            sample = with_steps(sample, name, np.where(mask, steps, steps.dtype.type(fill)))
        return sample


def kept_steps(draws: NDArray[np.float64], rate: float, *, ends: bool) -> NDArray[np.bool_]:
    """Which steps are not lost, (T,): those whose draw from [0, 1) is above ``rate``.

    Args:
        draws: (T,).
        rate: probability that a step is lost.
        ends: whether the first and the last step are kept in any case.
    """
    kept = draws > rate
    if ends and len(kept):
        kept[[0, -1]] = True
    return kept
