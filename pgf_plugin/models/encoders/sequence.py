"""Encoders of audio and vision sequences, and what is read from a padded sequence."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from pgf_plugin.errors import check_positive_int
from pgf_plugin.structures import MaskedSequence

_SHUT = -1e4
"""A score of which the sigmoid is 0 in every floating type."""

_LENGTHS_APART = 8
"""Padded lengths are multiples of this many steps, or the batch's own."""


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
        # On a CPU, torch steps through packed sequences one product at a time; padded ones go to
        # oneDNN whole, which is five times as fast.
        encode = (
            self._encode_padded if sequence.values.device.type == "cpu" else self._encode_packed
        )
        return encode(sequence).masked_fill(~sequence.mask.any(dim=1, keepdim=True), 0.0)

    def _encode_packed(self, sequence: MaskedSequence) -> Tensor:
        # Packing refuses a length of 0: such a sample runs over one zero step.
        lengths = sequence.mask.sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(
            zero_padding(sequence), lengths, batch_first=True, enforce_sorted=False
        )
        steps, (first, _) = self.first(packed)  # first: (2, B, H)
        steps = steps._replace(data=self.norm(steps.data))
        _, (second, _) = self.second(steps)
        return torch.cat((first, second), dim=-1).transpose(0, 1).flatten(1)  # (B, 4 H)

    def _encode_padded(self, sequence: MaskedSequence) -> Tensor:
        lengths = sequence.mask.sum(dim=1)  # (B,)
        # oneDNN prepares itself anew for each length, so there should be few.
        longest = -(-max(1, int(lengths.max())) // _LENGTHS_APART) * _LENGTHS_APART
        values, mask = (part[:, :longest] for part in sequence)
        values = zero_padding(MaskedSequence(values, mask))
        padded = (~mask).unsqueeze(-1).to(values)  # (B, T, 1)
        first = padded_lstm(self.first, values, padded)  # (B, T, 2 H)
        second = padded_lstm(self.second, self.norm(first), padded)
        rows, last = torch.arange(len(mask)), (lengths - 1).clamp(min=0)
        hidden = self.first.hidden_size
        forward = [steps[rows, last, :hidden] for steps in (first, second)]
        backward = [steps[:, 0, hidden:] for steps in (first, second)]
        return torch.cat((*forward, *backward), dim=-1)


def padded_lstm(lstm: nn.LSTM, values: Tensor, padded: Tensor) -> Tensor:
    """Run a bidirectional LSTM of one layer over padded sequences, as if each ended by itself.

    Padding reaches the input gates through a weight that shuts them: a cell that starts at zero
    stays there, and so the backward direction starts at each sequence's own end. Outputs at padded
    steps are to be ignored.

    Args:
        lstm: with ``batch_first=True``.
        values: (B, T, D), real steps first, finite where padded.
        padded: (B, T, 1), 1 where a step is padding and 0 where it is real.

    Returns:
        (B, T, 2 H).
    """
    hidden = lstm.hidden_size
    shut = values.new_zeros(4 * hidden, 1)
    shut[:hidden] = _SHUT  # the input gate is the first of the four
    weights = [
        torch.cat((getattr(lstm, name), shut), dim=1)
        if "weight_ih" in name
        else getattr(lstm, name)
        for name in lstm._flat_weights_names
    ]
    start = values.new_zeros(2, len(values), hidden)
    keep_for_backward = torch.is_grad_enabled()  # in evaluation mode too
    steps, _, _ = torch.lstm(
        torch.cat((values, padded), dim=-1),
        (start, start),
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=keep_for_backward,
        bidirectional=True,
        batch_first=True,
    )
    return steps
