"""One step of audio or vision for each token, where no word times are known."""

import torch
from torch import Tensor

from pgf_plugin.structures import MaskedSequence


def resample(sequence: MaskedSequence, target: Tensor) -> MaskedSequence:
    """Spread the real steps evenly over the real steps of another sequence.

    Step i of n target steps is the mean of the source over the part [i / n, (i + 1) / n) of its
    real length, steps that are cut counting by their share. Sequences of the same length stay as
    they are.

    Args:
        sequence: source, (B, T, D), real steps first.
        target: mask (B, L) of the target, real steps first.

    Returns:
        values (B, L, D), zero where the target or the whole source has no real step, and a mask
        (B, L) that is False there.
    """
    source_lengths = sequence.mask.sum(dim=1)  # (B,)
    target_lengths = target.sum(dim=1).clamp(min=1)
    ratio = (source_lengths / target_lengths)[:, None, None]  # (B, 1, 1)
    begin = torch.arange(target.shape[1], device=target.device)[None, :, None] * ratio
    steps = torch.arange(sequence.mask.shape[1], device=target.device)[None, None, :]
    overlap = (torch.minimum(begin + ratio, steps + 1) - torch.maximum(begin, steps)).clamp(min=0)
    weights = overlap / ratio.clamp(min=torch.finfo(overlap.dtype).tiny)  # (B, L, T)
    real = target & sequence.mask.any(dim=1, keepdim=True)
    known = (real.unsqueeze(-1) & sequence.mask.unsqueeze(1)).to(sequence.values.dtype)
    clean = sequence.values.masked_fill(~sequence.mask.unsqueeze(-1), 0.0)
    return MaskedSequence((weights.to(known.dtype) * known) @ clean, real)


def pool_to_length(values: Tensor, length: int) -> Tensor:
    """MMSA's alignment of padded sequences, (B, T, D) -> (B, length, D).

    MMSA 2.2.1 (``AlignSubNet``, ``avg_pool``) repeats the last step until ``length`` divides the
    number of steps, and then averages steps that are ``length`` apart, not neighbours.
    """
    rest = -values.shape[1] % length
    padded = torch.cat([values, values[:, -1:].expand(-1, rest, -1)], dim=1)
    return padded.unflatten(1, (-1, length)).mean(dim=1)
