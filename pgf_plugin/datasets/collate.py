"""Samples to a batch, padded to the longest sequence that the batch itself holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgf_plugin.datasets.base import Sample
from pgf_plugin.registry import FUNCTIONS
from pgf_plugin.structures import MSADataSample


@FUNCTIONS.register_module()
def msa_collate(samples: Sequence[Sample]) -> dict[str, Any]:
    """Pad samples to a batch.

    Args:
        samples: what :class:`~pgf_plugin.datasets.base.BaseMSADataset` returns.

    Returns:
        ``inputs`` with ``input_ids`` and ``attention_mask`` (B, L) int64, or ``text`` (B, L, D_t)
        float32 and ``attention_mask``; ``audio`` (B, T_a, D_a) float32 and ``audio_mask``
        (B, T_a) bool; likewise ``vision``; only modalities that the samples have. And
        ``data_samples``, one :class:`~pgf_plugin.structures.MSADataSample` a sample. A sequence
        without any step is padded to one, with a mask that is False throughout.
    """
    inputs: dict[str, Tensor] = {}
    first = samples[0]
    if "input_ids" in first:
        ids, mask = pad([sample["input_ids"] for sample in samples], fill=first["pad_token_id"])
        inputs |= {"input_ids": ids, "attention_mask": mask.long()}
    if "text" in first:
        inputs["text"], mask = pad([sample["text"] for sample in samples])
        inputs["attention_mask"] = mask.long()
    for name in ("audio", "vision"):
        if name in first:
            inputs[name], inputs[f"{name}_mask"] = pad([sample[name] for sample in samples])
    return {"inputs": inputs, "data_samples": [_data_sample(sample) for sample in samples]}


def pad(sequences: Sequence[NDArray], fill: float = 0) -> tuple[Tensor, Tensor]:
    """Stack sequences (T_i, …) to (B, T, …), T the longest and at least 1.

    Returns:
        The padded values, and the mask (B, T) bool, True where a step is real.
    """
    lengths = np.array([len(sequence) for sequence in sequences])
    longest = max(int(lengths.max()), 1)
    shape = (len(sequences), longest, *sequences[0].shape[1:])
    values = np.full(shape, fill, dtype=sequences[0].dtype)
    mask = np.arange(longest) < lengths[:, None]  # (B, T)
    values[mask] = np.concatenate(sequences)
    return torch.from_numpy(values), torch.from_numpy(mask)


def _data_sample(sample: Sample) -> MSADataSample:
    data_sample = MSADataSample(sample_id=sample["sample_id"], raw_text=sample["raw_text"])
    if "label" in sample:
        # A copy: predictions are stored beside it, and the data set's array is shared.
        data_sample.label = torch.from_numpy(np.array(sample["label"], dtype=np.float32))
    return data_sample
