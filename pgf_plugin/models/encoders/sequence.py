"""Encoders of audio and vision sequences, and what is read from a padded sequence."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

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


class BiLSTMEncoder(nn.Module):
    """Two stacked bidirectional LSTMs with a LayerNorm between them; returns their final states.

    The utterance encoder of MISA for audio and vision (Hazarika et al. 2020, arXiv 2005.03545,
    section 3.3). Sequences are packed by their own lengths; the real steps of a sample come first.
    The reference (MMSA 2.2.1) takes the lengths from the text mask instead and fails on a sequence
    shorter than its text.

    Args:
        in_features: width of a step, D_in.
        hidden_features: width H of each direction; None takes ``in_features``, as the paper's
            code does.

    Attributes:
        out_features: width of the result, 4 H.

    Raises:
        ValueError: for a width below 1.
    """

    def __init__(self, in_features: int, hidden_features: int | None = None) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        hidden = in_features if hidden_features is None else hidden_features
        check_positive_int("hidden_features", hidden)
        self.out_features = 4 * hidden
        self.first = nn.LSTM(in_features, hidden, bidirectional=True, batch_first=True)
        self.norm = nn.LayerNorm(2 * hidden)
        self.second = nn.LSTM(2 * hidden, hidden, bidirectional=True, batch_first=True)

    def forward(self, sequence: MaskedSequence) -> Tensor:
        """Encode (B, T, D_in) as (B, 4 H): per direction, the first LSTM's state, the second's.

        A sample without a real step gives zeros.
        """
        mask = sequence.mask
        # Packing refuses a length of 0: such a sample runs over one zero step, cleared below.
        lengths = mask.sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(
            zero_padding(sequence), lengths, batch_first=True, enforce_sorted=False
        )
        steps, (first, _) = self.first(packed)  # first: (2, B, H)
        steps = steps._replace(data=self.norm(steps.data))
        _, (second, _) = self.second(steps)
        states = torch.cat((first, second), dim=-1).transpose(0, 1).flatten(1)  # (B, 4 H)
        return states.masked_fill(~mask.any(dim=1, keepdim=True), 0.0)
