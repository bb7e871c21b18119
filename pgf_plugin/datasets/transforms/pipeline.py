"""The transforms of a dataset, in order."""

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mmengine.dataset import Compose

from pgf_plugin.datasets.transforms.base import Lengths, RandomTransform, SampleTransform
from pgf_plugin.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample

TransformLike = dict[str, Any] | Callable[["Sample"], "Sample"]


class SamplePipeline:
    """Transforms, applied one after the other.

    Args:
        transforms: configs of components in ``TRANSFORMS``, or callables of a sample.
        modalities: those of the dataset.

    Raises:
        ConfigError: for anything but a list of such, or a transform that names a modality that the
            dataset does not have.
    """

    def __init__(self, transforms: Sequence[TransformLike], modalities: Sequence[str]) -> None:
        if isinstance(transforms, str | dict) or not isinstance(transforms, Sequence):
            raise ConfigError(
                "transforms must be a list, such as [dict(type='CropSteps', max_steps=dict("
                f"audio=400))], got {transforms!r}"
            )
        for position, transform in enumerate(transforms):
            if not isinstance(transform, dict) and not callable(transform):
                raise ConfigError(
                    f"transforms[{position}] must be a dict with a type, or a callable, got "
                    f"{transform!r}"
                )
        # Copies, because a transform that is given as an object may stand in several datasets.
        self.transforms = [copy.copy(item) for item in Compose(transforms).transforms]
        for position, transform in enumerate(self.transforms):
            if isinstance(transform, RandomTransform):
                transform.position = position
            absent = [n for n in getattr(transform, "named", ()) if n not in modalities]
            if absent:
                raise ConfigError(
                    f"transforms[{position}], {type(transform).__name__}, acts on {absent[0]!r}, "
                    f"but the dataset's modalities are {list(modalities)}: take it out of one, or "
                    "into the other"
                )

    def __bool__(self) -> bool:
        return bool(self.transforms)

    @property
    def needs_special_tokens(self) -> bool:
        """Whether samples of tokens must hold ``unk_token_id`` and ``mask_token_id``."""
        return any(getattr(item, "needs_special_tokens", False) for item in self.transforms)

    def __call__(self, sample: "Sample") -> "Sample":
        """Transform a sample of the dataset.

        Raises:
            DataError: if a transform does not return a sample.
        """
        return self._apply(sample, [*self.transforms])

    def prepare(self, sample: "Sample") -> "Sample":
        """Transform new input: what leaves something to chance, or disturbs, is left out."""
        return self._apply(
            sample,
            [
                item.prepare if isinstance(item, SampleTransform) else item
                for item in self.transforms
            ],
        )

    def lengths(self, lengths: Lengths) -> Lengths:
        """Steps of the transformed samples, as far as the transforms tell."""
        for item in self.transforms:
            if isinstance(item, SampleTransform):
                lengths = item.lengths(lengths)
        return lengths

    def _apply(self, sample: "Sample", steps: Sequence[Callable[["Sample"], "Sample"]]) -> "Sample":
        for position, step in enumerate(steps):
            transformed = step(sample)
            if not isinstance(transformed, dict):
                raise DataError(
                    f"transforms[{position}] returned {transformed!r} for sample "
                    f"{sample['sample_id']!r}: a transform must return a sample"
                )
            sample = transformed
        return sample
