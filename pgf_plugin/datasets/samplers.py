"""Batches of samples with similar text length, so that little of a batch is padding."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from pgf_plugin.arguments import checked_arguments
from pgf_plugin.errors import ConfigError, check_positive_int
from pgf_plugin.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class LengthBucketSampler(Sampler[list[int]]):
    """Groups the indices of another sampler into batches of similar length.

    A *batch* sampler: in a config it stands beside the sampler and takes the batch size from the
    dataloader, so that overriding ``train_dataloader.batch_size`` is enough::

        train_dataloader = dict(
            batch_size=32,
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_sampler=dict(type='LengthBucketSampler'),
        )

    The sampler's order is cut into pools of ``pool_batches`` batches; each pool is sorted by
    length and cut into batches, and the order of all batches is drawn anew every epoch. Every
    index of the sampler comes exactly once. Rank, seed and epoch are the sampler's: the same seed
    and epoch give the same batches, and each rank gets its own share.

    For training alone: gathering predictions over several processes relies on the plain order.

    Args:
        sampler: with ``dataset``, ``seed`` and ``epoch`` as mmengine's ``DefaultSampler``; the
            dataset has ``text_lengths``.
        batch_size: samples in a batch.
        pool_batches: batches in a pool; more means less padding and less random batches.
        drop_last: whether an incomplete last batch is left out.

    Raises:
        ConfigError: if the sampler's dataset has no ``text_lengths``.
    """

    @checked_arguments(batch_size=check_positive_int, pool_batches=check_positive_int)
    def __init__(
        self,
        sampler: Sampler[int],
        batch_size: int,
        pool_batches: int = 16,
        drop_last: bool = False,
    ) -> None:
        dataset = getattr(sampler, "dataset", None)
        lengths = getattr(dataset, "text_lengths", None)
        if lengths is None:
            raise ConfigError(
                f"LengthBucketSampler needs a dataset with text_lengths, got "
                f"{type(dataset).__name__} of {type(sampler).__name__}: take batch_sampler out of "
                "the dataloader"
            )
        self.sampler = sampler
        self.batch_size = batch_size
        self.pool_batches = pool_batches
        self.drop_last = drop_last
        self._lengths = lengths.tolist()

    def __iter__(self) -> Iterator[list[int]]:
        indices = list(self.sampler)
        if self.drop_last:
            indices = indices[: len(self) * self.batch_size]
        pool = self.batch_size * self.pool_batches
        batches = [
            batch
            for start in range(0, len(indices), pool)
            for batch in self._batches(indices[start : start + pool])
        ]
        generator = torch.Generator().manual_seed(
            getattr(self.sampler, "seed", 0) + getattr(self.sampler, "epoch", 0)
        )
        for position in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[position]

    def __len__(self) -> int:
        """The number of batches of this rank."""
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + bool(rest and not self.drop_last)

    def _batches(self, indices: list[int]) -> list[list[int]]:
        # The sort is stable: among equal lengths the sampler's random order stays.
        by_length = sorted(indices, key=self._lengths.__getitem__)
        size = self.batch_size
        return [by_length[start : start + size] for start in range(0, len(by_length), size)]
