"""The samples of a batch, drawn together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import BaseMSADataset, Sample


class SampleBatch(Sequence["Sample"]):
    """A sequence of samples that are made only where one is asked for.

    Collating a batch of small samples costs less than making each of them: a collate function that
    knows this class takes the values of all samples under one key, which are drawn and scaled at
    once. To others it is a sequence of samples as any.

    Args:
        dataset: the dataset, without transforms.
        indices: of the B samples.
    """

    def __init__(self, dataset: "BaseMSADataset", indices: Sequence[int]) -> None:
        self._dataset = dataset
        self._indices = indices
        self._made: list[Sample] | None = None

    @property
    def keys(self) -> Sequence[str]:
        """Keys of every sample."""
        return self._dataset.sample_keys

    def column(self, key: str) -> Any:
        """The values of all samples under ``key``, as ``dataset.column`` gives them."""
        return self._dataset.column(key, self._indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> Any:
        if self._made is None:
            self._made = [self._dataset[index] for index in self._indices]
        return self._made[index]
