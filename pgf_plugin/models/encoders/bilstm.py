"""Stacked bidirectional LSTMs over padded sequences, the encoders of MISA."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from pgf_plugin.errors import check_positive_int
from pgf_plugin.models.encoders.sequence import zero_padding
from pgf_plugin.structures import MaskedSequence

_SHUT = -1e4
"""A score of which the sigmoid is 0 in every floating type."""

_LENGTHS_APART = 4
"""Padded lengths are multiples of this many steps, or the batch's own."""

_JOINT_WIDTH = 32
"""Widths H in sum, up to which encoders share a recurrence on a CPU.

A step of LSTMs this small costs its call, not its products; of larger ones the products, most of
which would be with the zeros between the blocks.
"""


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
        self.padded = _PaddedEncoders([self])

    @torch.compiler.disable  # which knows no LSTM, and would begin anew for each length
    def forward(self, sequence: MaskedSequence) -> Tensor:
        """Encode (B, T, D_in) as (B, 4 H): per direction, the first LSTM's state, the second's.

        A sample without a real step gives zeros.
        """
        # On a CPU, torch steps through packed sequences one product at a time; padded ones go to
        # oneDNN whole, which is five times as fast.
        if sequence.values.device.type == "cpu":
            return self.padded([self], [sequence])[0]
        return self._encode_packed(sequence)

    def _encode_packed(self, sequence: MaskedSequence) -> Tensor:
        # Packing refuses a length of 0: such a sample runs over one zero step.
        lengths = sequence.mask.sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(
            zero_padding(sequence), lengths, batch_first=True, enforce_sorted=False
        )
        steps, (first, _) = self.first(packed)  # first: (2, B, H)
        steps = steps._replace(data=self.norm(steps.data))
        _, (second, _) = self.second(steps)
        states = torch.cat((first, second), dim=-1).transpose(0, 1).flatten(1)  # (B, 4 H)
        return states.masked_fill(~sequence.mask.any(dim=1, keepdim=True), 0.0)


class BiLSTMEncoders(nn.ModuleDict):
    """A :class:`BiLSTMEncoder` for each modality, by name.

    On a CPU, small ones share a recurrence where their sequences are about as long, to the same
    result: an LSTM whose weights are theirs, in blocks on the diagonal.
    """

    def __init__(self, encoders: Mapping[str, BiLSTMEncoder]) -> None:
        super().__init__(encoders)
        small = sum(encoder.first.hidden_size for encoder in encoders.values()) <= _JOINT_WIDTH
        several = len(encoders) > 1
        self.padded = _PaddedEncoders(list(encoders.values())) if several and small else None

    @torch.compiler.disable
    def forward(self, sequences: Mapping[str, MaskedSequence]) -> dict[str, Tensor]:
        """Encode each (B, T, D_in) as (B, 4 H), see :meth:`BiLSTMEncoder.forward`."""
        given = [sequences[name] for name in self]
        if self.padded is None or not _can_share(given):
            return {name: encoder(sequences[name]) for name, encoder in self.items()}
        encoders: list[Any] = list(self.values())
        return dict(zip(self, self.padded(encoders, given), strict=True))


class _PaddedEncoders:
    """Runs encoders over padded sequences as if each sequence ended by itself.

    One LSTM does the work of those of all encoders. Padding reaches the input gates through a
    weight that shuts them: a cell that starts at zero stays there, and so the backward direction
    starts at each sequence's own end. It holds no weights: the encoders are given again at each
    call.
    """

    def __init__(self, encoders: Sequence[BiLSTMEncoder]) -> None:
        self.widths = [encoder.first.hidden_size for encoder in encoders]
        self.width = sum(self.widths)
        self.weights = _JointWeights(encoders)
        self.owner = torch.cat(
            [torch.full((width,), i, device="cpu") for i, width in enumerate(self.widths)]
        )
        """The encoder of each of the H hidden units."""

    def __call__(
        self, encoders: Sequence[BiLSTMEncoder], sequences: Sequence[MaskedSequence]
    ) -> list[Tensor]:
        """Encode each (B, T, D_in) as (B, 4 H); a sample without a real step gives zeros."""
        lengths = torch.stack([sequence.mask.sum(dim=1) for sequence in sequences], dim=1)
        # oneDNN prepares itself anew for each length, so there should be few.
        longest = -(-max(1, int(lengths.max())) // _LENGTHS_APART) * _LENGTHS_APART
        longest = min(longest, max(sequence.mask.shape[1] for sequence in sequences))
        cut = [_to_length(sequence, longest) for sequence in sequences]
        padding = [(~mask).unsqueeze(-1).to(values) for values, mask in cut]
        weights, other_weights = self.weights.of(encoders)
        first = self._run(weights, [zero_padding(sequence) for sequence in cut], padding)
        both = self._both_directions(first)
        normed = [each.norm(steps) for each, steps in zip(encoders, both, strict=True)]
        second = self._run(other_weights, normed, padding)
        return self._final_states((first, second), lengths)

    def _run(
        self, weights: list[Tensor], values: Sequence[Tensor], padding: Sequence[Tensor]
    ) -> Tensor:
        """One bidirectional layer over (B, T, D) each, (B, T, 2 x sum of H); all forward first.

        Not to be read where padded.
        """
        beside = [part for pair in zip(values, padding, strict=True) for part in pair]
        start = values[0].new_zeros(2, len(values[0]), self.width)
        keep_for_backward = torch.is_grad_enabled()  # in evaluation mode too
        steps, _, _ = torch.lstm(
            torch.cat(beside, dim=-1),
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

    def _both_directions(self, steps: Tensor) -> list[Tensor]:
        """(B, T, 2 H) of each encoder."""
        count = len(self.widths)
        if count == 1:
            return [steps]
        directions = steps.split(self.widths * 2, dim=-1)
        both = zip(directions[:count], directions[count:], strict=True)
        return [torch.cat(pair, dim=-1) for pair in both]

    def _final_states(self, layers: Sequence[Tensor], lengths: Tensor) -> list[Tensor]:
        """Of both layers and the lengths (B, encoders): (B, 4 H) of each encoder."""
        lengths = lengths.index_select(1, self.owner)  # (B, sum of H)
        last = (lengths - 1).clamp(min=0).unsqueeze(1)
        forward = [layer[..., : self.width].gather(1, last).squeeze(1) for layer in layers]
        backward = [layer[:, 0, self.width :] for layer in layers]
        states = torch.stack((*forward, *backward), dim=1)  # (B, 4, sum of H)
        states = states.masked_fill((lengths == 0).unsqueeze(1), 0.0)
        return [part.flatten(1) for part in states.split(self.widths, dim=-1)]


class _JointWeights:
    """The weights of LSTMs that do the work of several each, gate by gate in diagonal blocks."""

    def __init__(self, encoders: Sequence[BiLSTMEncoder]) -> None:
        shut, start = 1, 2  # the place of a constant, and of the first weight; 0 is that of zero
        self.constants = torch.tensor([0.0, _SHUT], device="cpu")
        joint = []
        for lstms in _layers(encoders):
            by_name: dict[str, list[Tensor]] = {name: [] for name in lstms[0]._flat_weights_names}
            for lstm in lstms:
                for name, places in by_name.items():
                    shape = getattr(lstm, name).shape
                    here = torch.arange(start, start + shape.numel(), device="cpu").view(shape)
                    start += shape.numel()
                    if "weight_ih" in name:
                        column = torch.zeros((len(here), 1), dtype=here.dtype, device="cpu")
                        column[: lstm.hidden_size] = shut  # the input gate is the first of four
                        here = torch.cat((here, column), dim=1)
                    places.append(here)
            joint += [_on_diagonal(places) for places in by_name.values()]
        self.shapes = [places.shape for places in joint]
        self.sizes = [places.numel() for places in joint]
        self.places = torch.cat([places.flatten() for places in joint])

    def of(self, encoders: Sequence[BiLSTMEncoder]) -> tuple[list[Tensor], list[Tensor]]:
        """The weights of the first and of the second layer, as ``torch.lstm`` takes them."""
        weights: list[Any] = [
            weight for lstms in _layers(encoders) for lstm in lstms for weight in lstm._flat_weights
        ]
        given = torch.cat((self.constants.to(weights[0]), *(w.flatten() for w in weights)))
        taken = given.index_select(0, self.places).split(self.sizes)
        joint = [part.view(shape) for part, shape in zip(taken, self.shapes, strict=True)]
        half = len(joint) // 2
        return joint[:half], joint[half:]


def _layers(encoders: Sequence[BiLSTMEncoder]) -> tuple[list[nn.LSTM], list[nn.LSTM]]:
    return [each.first for each in encoders], [each.second for each in encoders]


def _on_diagonal(blocks: Sequence[Tensor]) -> Tensor:
    """Join (4 H, D) each to (4 x sum of H, sum of D) within each gate; biases (4 H,) follow."""
    gates = [block.unflatten(0, (4, -1)) for block in blocks]  # (4, H, …)
    if blocks[0].ndim == 1:
        return torch.cat(gates, dim=1).flatten()
    return torch.cat([torch.block_diag(*(block[gate] for block in gates)) for gate in range(4)])


def _can_share(sequences: Sequence[MaskedSequence]) -> bool:
    """Whether sequences are on a CPU, and none waits long for the others to end."""
    on_cpu = all(sequence.values.device.type == "cpu" for sequence in sequences)
    steps = [sequence.mask.shape[1] for sequence in sequences]
    return on_cpu and 2 * max(steps) <= 3 * min(steps)


def _to_length(sequence: MaskedSequence, steps: int) -> MaskedSequence:
    values, mask = (part[:, :steps] for part in sequence)
    if missing := steps - mask.shape[1]:
        values, mask = F.pad(values, (0, 0, 0, missing)), F.pad(mask, (0, missing))
    return MaskedSequence(values, mask)
