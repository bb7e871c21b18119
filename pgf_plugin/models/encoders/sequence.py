"""Encoders of audio and vision sequences, and what is read from a padded sequence."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.errors import check_positive_int
from pgf_plugin.structures import MaskedSequence


def zero_padding(sequence: MaskedSequence) -> Tensor:
    """Values with every padded step set to zero, (B, T, D), whatever the padding held."""
    return sequence.values.masked_fill(~sequence.mask.unsqueeze(-1), 0.0)


def last_step(sequence: MaskedSequence) -> Tensor:
    """Values at the last real step, (B, D); zero for a sample that has none."""
    values, mask = sequence
    steps = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * steps).amax(dim=1)  # (B,), 0 where there is no real step
    rows = torch.arange(len(mask), device=mask.device)
    return values[rows, last].masked_fill(~mask.any(dim=1, keepdim=True), 0.0)


class TemporalConv(nn.Module):
    """Projects a sequence to a common width with a 1-D convolution over time.

    The temporal convolution of MulT (Tsai et al. 2019, arXiv 1906.00295, equation 2). Zeros
    surround the real steps on both sides, so the length stays T, any length works, and padding
    does not matter. The reference (MMSA 2.2.1) does not pad: it shortens every sequence by
    ``kernel_size - 1`` and fails on shorter ones.

    Args:
        in_features: width of the input, D_in.
        out_features: width of the output, D.
        kernel_size: steps that one output step sees.
        dropout: rate of the dropout on the input.
        padded: whether zeros surround the real steps; without, a sequence is shortened.

    Raises:
        ValueError: for a width or kernel below 1; without padding, in a batch shorter than the
            kernel.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int = 5,
        dropout: float = 0.0,
        padded: bool = True,
    ) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        check_positive_int("out_features", out_features)
        check_positive_int("kernel_size", kernel_size)
        self.padded = padded
        self.margins = ((kernel_size - 1) // 2, kernel_size // 2)
        self.dropout = nn.Dropout(dropout)
        self.conv = nn.Conv1d(in_features, out_features, kernel_size, bias=False)

    def forward(self, sequence: MaskedSequence) -> MaskedSequence:
        """Project (B, T, D_in) to (B, T, D); the mask stays. Without padding, T - kernel + 1."""
        channels = self.dropout(zero_padding(sequence)).transpose(1, 2)  # (B, D_in, T)
        if not self.padded:
            return self._shortened(channels, sequence.mask)
        projected = self.conv(F.pad(channels, self.margins))  # (B, D, T)
        return MaskedSequence(projected.transpose(1, 2), sequence.mask)

    def _shortened(self, channels: Tensor, mask: Tensor) -> MaskedSequence:
        (kernel,), steps = self.conv.kernel_size, channels.shape[2]
        if steps < kernel:
            raise ValueError(
                f"sequences of {steps} steps are shorter than the convolution's kernel, {kernel}, "
                "and the reference does not pad: pad the batches to a fixed length (collate_fn="
                "dict(type='msa_collate', pad_to=…)), or lower model.kernel_size"
            )
        return MaskedSequence(self.conv(channels).transpose(1, 2), mask[:, kernel - 1 :])


class InputDropout(nn.Module):
    """Dropout on a sequence that needs no projection, (B, T, D) -> (B, T, D).

    Args:
        rate: rate of the dropout.
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(rate)

    def forward(self, sequence: MaskedSequence) -> MaskedSequence:
        """Drop values; the mask stays."""
        return MaskedSequence(self.dropout(sequence.values), sequence.mask)
