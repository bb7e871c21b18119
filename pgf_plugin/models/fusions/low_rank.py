"""A map of low rank, of which the parts that stand in for the cross-attention are made."""

from torch import Tensor, nn

from pgf_plugin.errors import check_positive_int


class LowRankMap(nn.Module):
    r"""Base of what gives the text a function of the bank's mean: :math:`W_{up} W_{down}`.

    :math:`W_{up}` starts at zero, as the output of :class:`PGFCrossAttention` does.

    Args:
        in_features: width of what is mapped.
        rank: rank of the map.
        out_features: width of the result.
    """

    supplied = ("hidden_size", "bank_width")
    available_outputs: tuple[str, ...] = ()

    def __init__(self, in_features: int, rank: int, out_features: int) -> None:
        super().__init__()
        check_positive_int("rank", rank)
        self.down = nn.Linear(in_features, rank)
        self.up = nn.Linear(rank, out_features)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def mapped(self, values: Tensor) -> Tensor:
        """(…, in_features) -> (…, out_features)."""
        return self.up(self.down(values))
