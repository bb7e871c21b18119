"""The small networks that TFN, LMF and Self-MM put before their fusion."""

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from pgf_plugin.errors import check_fraction, check_positive_int
from pgf_plugin.models.encoders.sequence import zero_padding
from pgf_plugin.structures import MaskedSequence


class BatchNorm(nn.BatchNorm1d):
    """Batch normalization that also trains on a batch of one.

    A feature with a single value has no variance, at which torch raises. Here it is normalized by
    the running statistics, which stay as they are.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalize, (B, D) or (B, D, T)."""
        if self.training and input.numel() == self.num_features:
            return nn.functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)


class FeatureSubNet(nn.Module):
    """Batch normalization and three layers over one vector an utterance, (B, D_in) -> (B, H).

    The audio and vision network of TFN (Zadeh et al. 2017, arXiv 1707.07250, section 4.1), with
    the batch normalization of the reference (MMSA 2.2.1).

    Args:
        in_features: width of the input, D_in.
        hidden_features: width of all layers, H.
        dropout: rate on the normalized input.
    """

    def __init__(self, in_features: int, hidden_features: int, dropout: float = 0.0) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        check_positive_int("hidden_features", hidden_features)
        self.out_features = hidden_features
        self.norm = BatchNorm(in_features)
        self.dropout = nn.Dropout(check_fraction("dropout", dropout))
        widths = (in_features, hidden_features, hidden_features)
        self.layers = nn.Sequential(
            *(
                module
                for width in widths
                for module in (nn.Linear(width, hidden_features), nn.ReLU())
            )
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, D_in) -> (B, H)."""
        return self.layers(self.dropout(self.norm(vectors)))


class LSTMSubNet(nn.Module):
    """The last state of an LSTM and a linear layer, (B, T, D_in) -> (B, D_out).

    The text network of TFN and LMF, the audio and vision network of Self-MM.

    Args:
        in_features: width of a step, D_in.
        hidden_features: width of the LSTM.
        out_features: width of the result, D_out.
        dropout: rate on the last state.
    """

    def __init__(
        self, in_features: int, hidden_features: int, out_features: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        check_positive_int("hidden_features", hidden_features)
        self.out_features = check_positive_int("out_features", out_features)
        self.rnn = nn.LSTM(in_features, hidden_features, batch_first=True)
        self.dropout = nn.Dropout(check_fraction("dropout", dropout))
        self.linear = nn.Linear(hidden_features, out_features)

    def forward(self, sequence: MaskedSequence) -> Tensor:
        """Read the real steps, which come first; a sample without any gives the bias."""
        mask = sequence.mask
        # Packing refuses a length of 0: such a sample runs over one zero step, cleared below.
        lengths = mask.sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(
            zero_padding(sequence), lengths, batch_first=True, enforce_sorted=False
        )
        _, (states, _) = self.rnn(packed)  # states: (1, B, H)
        last = states[0].masked_fill(~mask.any(dim=1, keepdim=True), 0.0)
        return self.linear(self.dropout(last))
