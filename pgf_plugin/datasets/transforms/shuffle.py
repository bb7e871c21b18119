"""Steps of a modality in random order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgf_plugin.datasets.transforms.base import FEATURES, RandomTransform, features_of, with_steps
from pgf_plugin.errors import check_one_of
from pgf_plugin.registry import TRANSFORMS
from pgf_plugin.structures import MODALITIES

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample


@TRANSFORMS.register_module()
class ShuffleSteps(RandomTransform):
    """Puts the steps of a modality into random order: what they say stays, when they say it goes.

    Args:
        modalities: those whose steps are shuffled, each by itself.
        seed: of the orders.
        per_epoch: whether every epoch draws anew.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed.
    """

    def __init__(
        self, modalities: Sequence[str] = FEATURES, seed: int = 0, per_epoch: bool = False
    ) -> None:
        super().__init__(seed, per_epoch)
        for name in modalities:
            check_one_of("modalities", name, MODALITIES)
        self.modalities = tuple(modalities)
        self.named = () if self.modalities == FEATURES else self.modalities

    def __call__(self, sample: "Sample") -> "Sample":
        """Shuffle every modality that is to be shuffled and that the sample has."""
        for name in self.modalities:
            values = features_of(sample, name, "ShuffleSteps")
            if values is not None:
                order = self.generator(sample, name).permutation(len(values))
                sample = with_steps(sample, name, values[order])
        return sample
