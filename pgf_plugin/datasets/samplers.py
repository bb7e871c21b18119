"""Samplers whose indices know their epoch, in any order or in batches of similar length."""

from collections.abc import Iterator, Mapping
from itertools import count, islice
from typing import Any

import numpy as np
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from numpy.typing import NDArray
from torch.utils.data import Sampler

from pgf_plugin.arguments import checked_arguments, optional
from pgf_plugin.datasets.epochs import EpochIndex
from pgf_plugin.errors import ConfigError, check_one_of, check_positive, check_positive_int
from pgf_plugin.registry import DATA_SAMPLERS
from pgf_plugin.structures import MODALITIES

TOTAL = "total"


@DATA_SAMPLERS.register_module()
class EpochSampler(DefaultSampler):
    """mmengine's ``DefaultSampler``, of which every index knows the epoch it is drawn for.

    Transforms that draw anew in every epoch need that, unless :class:`LengthBucketSampler` stands
    behind any sampler, which does it as well.

    Args:
        dataset: the dataset.
        shuffle: whether the order is drawn anew in every epoch.
        seed: of the order; None for one that all processes share.
        round_up: whether samples are repeated so that all processes have the same number.
    """

    def __iter__(self) -> Iterator[int]:
        return (EpochIndex(index, self.epoch) for index in super().__iter__())


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
    and epoch give the same batches, and each rank gets its own share. Behind an ``InfiniteSampler``
    (training by steps) every batch is full, and a batch may hold the last samples of one pass
    through the data and the first of the next; each index knows the pass as its epoch.

    A larger pool means less padding and batches that are less random: within one pool, which
    samples share a batch follows from their lengths. With the whole epoch in one pool the same
    samples of nearly the same length meet in every epoch.

    For training alone: gathering predictions over several processes relies on the plain order.

    Args:
        sampler: with ``dataset``, ``seed`` and ``epoch`` as mmengine's ``DefaultSampler``, or an
            ``InfiniteSampler``; the dataset has ``sequence_lengths``, or at least ``text_lengths``.
        batch_size: samples in a batch.
        pool_batches: batches in a pool; 1 makes the sampler's own batches, None puts an epoch into
            one pool.
        drop_last: whether an incomplete last batch is left out.
        key: what length is: ``'text'``, ``'audio'`` or ``'vision'`` for the steps of one modality,
            ``'total'`` for the steps of all, or modality to the cost of one step, such as
            ``dict(text=10, audio=1)``. None for the text's, or all where there is no text.

    Raises:
        ConfigError: if the sampler's dataset has no lengths, or none of the modality in ``key``.
        ValueError: for another argument that is not allowed.
    """

    @checked_arguments(batch_size=check_positive_int, pool_batches=optional(check_positive_int))
    def __init__(
        self,
        sampler: Sampler[int],
        batch_size: int,
        pool_batches: int | None = 16,
        drop_last: bool = False,
        key: str | Mapping[str, float] | None = None,
    ) -> None:
        self.sampler = sampler
        self.batch_size = batch_size
        self.pool_batches = pool_batches
        self.drop_last = drop_last
        self._costs = _costs(_lengths(sampler), key).tolist()

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self._indices())
        # All that a finite sampler has; as much of an infinite one, up to whole batches.
        size = -(-len(self.sampler) // self.batch_size) * self.batch_size  # type: ignore[arg-type]
        # Drawn anew in every epoch, or every window of an infinite sampler, which has no epoch.
        draw = getattr(self.sampler, "seed", 0) + getattr(self.sampler, "epoch", 0)
        while window := list(islice(indices, size)):
            if self.drop_last:
                window = window[: len(window) // self.batch_size * self.batch_size]
            yield from self._shuffled_batches(window, draw)
            draw += 1

    def __len__(self) -> int:
        """The number of batches of this rank."""
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + bool(rest and not self.drop_last)

    def _indices(self) -> Iterator[int]:
        """The sampler's indices, each with its epoch."""
        sampler: Any = self.sampler
        if isinstance(sampler, InfiniteSampler):
            # Each rank takes every `world_size`-th index of one stream of passes.
            places = count(sampler.rank, sampler.world_size)
            for place, index in zip(places, sampler, strict=False):
                yield EpochIndex(index, place // sampler.size)
        else:
            epoch = getattr(sampler, "epoch", None)
            for index in sampler:
                yield index if epoch is None else EpochIndex(index, epoch)

    def _shuffled_batches(self, indices: list[int], draw: int) -> Iterator[list[int]]:
        """Batches of ``indices``, in an order that ``draw`` gives."""
        pool = self.batch_size * (self.pool_batches or len(indices) or 1)
        batches = [
            batch
            for start in range(0, len(indices), pool)
            for batch in self._batches(indices[start : start + pool])
        ]
        generator = torch.Generator().manual_seed(draw)
        for position in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[position]

    def _batches(self, indices: list[int]) -> list[list[int]]:
        # The sort is stable: among equal lengths the sampler's random order stays.
        by_length = sorted(indices, key=self._costs.__getitem__)
        size = self.batch_size
        return [by_length[start : start + size] for start in range(0, len(by_length), size)]


def _lengths(sampler: Any) -> dict[str, NDArray[np.int64]]:
    """Modality to the steps of each sample of the sampler's dataset, (N,)."""
    dataset: Any = getattr(sampler, "dataset", None)
    lengths = getattr(dataset, "sequence_lengths", None)
    if lengths is None and hasattr(dataset, "text_lengths"):
        lengths = {"text": dataset.text_lengths}
    if lengths is None:
        raise ConfigError(
            f"LengthBucketSampler needs a dataset with text_lengths, got "
            f"{type(dataset).__name__} of {type(sampler).__name__}: take batch_sampler out of "
            "the dataloader"
        )
    return lengths


def _costs(
    lengths: Mapping[str, NDArray[np.int64]], key: str | Mapping[str, float] | None
) -> NDArray[np.float64]:
    """Cost of each sample, (N,), as ``key`` of :class:`LengthBucketSampler` says."""
    if isinstance(key, Mapping):
        weights = {
            check_one_of("a key of batch_sampler.key", name, MODALITIES): check_positive(
                f"batch_sampler.key.{name}", weight
            )
            for name, weight in key.items()
        }
    else:
        key = key or ("text" if "text" in lengths else TOTAL)
        check_one_of("batch_sampler.key", key, (*MODALITIES, TOTAL))
        weights = dict.fromkeys(lengths if key == TOTAL else [key], 1.0)
    for name in weights:
        if name not in lengths:
            raise ConfigError(
                f"batch_sampler.key asks for the length of {name!r}, but the dataset has those of "
                f"{list(lengths)} alone: name one of these, or 'total'"
            )
    if not weights:
        raise ConfigError("batch_sampler.key names no modality: give one, or 'total'")
    return np.sum([weight * lengths[name] for name, weight in weights.items()], axis=0)
