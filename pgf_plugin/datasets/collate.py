"""Samples to a batch, padded to the longest sequence that the batch itself holds or to a length."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgf_plugin.datasets.sample_batch import SampleBatch
from pgf_plugin.errors import ConfigError, DataError, check_bool, check_one_of, check_positive_int
from pgf_plugin.registry import FUNCTIONS
from pgf_plugin.structures import MODALITIES, MSADataSample

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample

_SMALL_BYTES = 2**18


@FUNCTIONS.register_module()
def msa_collate(
    samples: Sequence["Sample"],
    pad_to: Mapping[str, int] | None = None,
    truncate: bool = False,
    pad_to_multiple_of: int | None = None,
) -> dict[str, Any]:
    """Pad samples to a batch.

    Args:
        samples: what :class:`~pgf_plugin.datasets.base.BaseMSADataset` returns.
        pad_to: modality to the length of every batch, such as ``dict(text=50, audio=500)``, where
            a reference needs fixed lengths; a modality that it does not name, and all of them
            without it, are as long as the longest sample of the batch.
        truncate: whether longer samples are cut to ``pad_to``, at their end; of tokens the last
            one, which ends a text, is kept. Else they are refused.
        pad_to_multiple_of: round the lengths up to a multiple of it, those of ``pad_to`` excepted.

    Returns:
        ``inputs`` with ``input_ids`` and ``attention_mask`` (B, L) int64, or ``text`` (B, L, D_t)
        float32 and ``attention_mask``; ``audio`` (B, T_a, D_a) float32 and ``audio_mask``
        (B, T_a) bool; likewise ``vision``; only modalities that the samples have. And
        ``data_samples``, one :class:`~pgf_plugin.structures.MSADataSample` a sample. A sequence
        without any step is padded to one, with a mask that is False throughout.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed.
        DataError: for a sample longer than ``pad_to`` without ``truncate``, naming it.
    """
    if pad_to_multiple_of is not None:
        check_positive_int("collate_fn.pad_to_multiple_of", pad_to_multiple_of)
    if check_bool("collate_fn.truncate", truncate) and not pad_to:
        raise ConfigError(
            "collate_fn.truncate cuts to pad_to, which is not set: give it, such as pad_to=dict("
            "audio=500)"
        )
    lengths = _Lengths(_check_pad_to(pad_to), truncate, pad_to_multiple_of or 1)
    inputs: dict[str, Tensor] = {}
    keys = samples.keys if isinstance(samples, SampleBatch) else samples[0]
    if "input_ids" in keys:
        fill = _column(samples, "pad_token_id")[0]
        ids, mask = _batch(samples, "text", "input_ids", lengths, fill)
        inputs |= {"input_ids": ids, "attention_mask": mask.long()}
    if "text" in keys:
        inputs["text"], mask = _batch(samples, "text", "text", lengths)
        inputs["attention_mask"] = mask.long()
    for name in ("audio", "vision"):
        if name in keys:
            inputs[name], inputs[f"{name}_mask"] = _batch(samples, name, name, lengths)
    return {"inputs": inputs, "data_samples": _data_samples(samples)}


def pad(
    sequences: Sequence[NDArray], fill: float = 0, length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Stack sequences (T_i, …) to (B, T, …), T the longest and at least 1, or ``length``.

    Returns:
        The padded values, and the mask (B, T) bool, True where a step is real.
    """
    counts = [len(sequence) for sequence in sequences]
    steps = max(1, *counts) if length is None else length
    shape = (len(sequences), steps, *sequences[0].shape[1:])
    dtype = sequences[0].dtype
    # Filling a small batch at once costs less than filling it row by row. Of a large one the memory
    # is torch's: numpy's would be given back and faulted in again from batch to batch.
    small = dtype.itemsize * prod(shape) <= _SMALL_BYTES
    padded = (
        np.full(shape, fill, dtype)
        if small
        else torch.empty(shape, dtype=_torch_dtype(dtype)).numpy()
    )
    for row, sequence, count in zip(padded, sequences, counts, strict=True):
        row[:count] = sequence
        if not small:
            row[count:] = fill
    mask = np.arange(steps) < np.array(counts)[:, None]  # (B, T)
    return torch.from_numpy(padded), torch.from_numpy(mask)


@lru_cache(maxsize=16)
def _torch_dtype(dtype: np.dtype) -> torch.dtype:
    return torch.from_numpy(np.empty(0, dtype)).dtype


class _Lengths(NamedTuple):
    """How long a batch is; see :func:`msa_collate`."""

    pad_to: Mapping[str, int]
    truncate: bool
    multiple_of: int

    def of(self, name: str, longest: int) -> int:
        """Steps of a batch whose longest sample has ``longest``."""
        if name in self.pad_to:
            return self.pad_to[name]
        return -(-max(longest, 1) // self.multiple_of) * self.multiple_of


def _check_pad_to(pad_to: Mapping[str, int] | None) -> Mapping[str, int]:
    if not isinstance(pad_to, Mapping | None):
        raise ConfigError(
            f"collate_fn.pad_to must be a dict, such as dict(text=50, audio=500), got {pad_to!r}"
        )
    for name, steps in (pad_to or {}).items():
        check_one_of("a key of collate_fn.pad_to", name, MODALITIES)
        check_positive_int(f"collate_fn.pad_to.{name}", steps)
    return pad_to or {}


def _batch(
    samples: Sequence["Sample"], name: str, key: str, lengths: _Lengths, fill: float = 0
) -> tuple[Tensor, Tensor]:
    """Values (B, T, …) and mask (B, T) of modality ``name``, which samples hold under ``key``."""
    sequences = _column(samples, key)
    longest = max(map(len, sequences))
    length = lengths.of(name, longest)
    if longest > length:
        if not lengths.truncate:
            _refuse(samples, name, key, length)
        sequences = [_cut(steps, length, ids=key == "input_ids") for steps in sequences]
    return pad(sequences, fill, length)


def _cut(steps: NDArray, length: int, *, ids: bool) -> NDArray:
    if len(steps) <= length:
        return steps
    return np.append(steps[: length - 1], steps[-1]) if ids else steps[:length]


def _refuse(samples: Sequence["Sample"], name: str, key: str, length: int) -> None:
    longer = [sample for sample in samples if len(sample[key]) > length]
    raise DataError(
        f"{name} of {longer[0]['sample_id']!r} has {len(longer[0][key])} steps, but "
        f"collate_fn.pad_to.{name} is {length}: set truncate=True to cut what is longer, or a "
        "larger length"
    )


def _column(samples: Sequence["Sample"], key: str) -> Any:
    if isinstance(samples, SampleBatch):
        return samples.column(key)
    return [sample[key] for sample in samples]


def _data_samples(samples: Sequence["Sample"]) -> list[MSADataSample]:
    if not isinstance(samples, SampleBatch):
        return [_data_sample(sample) for sample in samples]
    labels = torch.from_numpy(samples.column("label")).unbind()  # of a copy, as below
    return MSADataSample.make_batch(
        sample_id=samples.column("sample_id"), raw_text=samples.column("raw_text"), label=labels
    )


def _data_sample(sample: "Sample") -> MSADataSample:
    data_sample = MSADataSample(sample_id=sample["sample_id"], raw_text=sample["raw_text"])
    if "label" in sample:
        # A copy: predictions are stored beside it, and the data set's array is shared.
        data_sample.label = torch.from_numpy(np.array(sample["label"], dtype=np.float32))
    return data_sample
