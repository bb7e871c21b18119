"""Summation in the place of the cross-attention: for ablations."""

from torch import Tensor

from pgf_plugin.models.fusions.low_rank import LowRankMap
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


@MODELS.register_module()
class PGFSummation(LowRankMap):
    r"""Gives every text position the same: the mean of the bank.

    .. math:: C = W_{up} W_{down} \bar M

    with :math:`\bar M` the mean of the real steps; the gate, or :class:`PGFSumGate`, adds it to the
    text. The rank is such that it has as many parameters as :class:`PGFCrossAttention`: 27,424 a
    layer of BERT-base. :math:`W_{up}` starts at zero, as there.

    Paper: PGF-Net, arXiv 2508.15852, its ablation "without cross-attention", whose form it does
    not give.

    Args:
        hidden_size: width D of the text.
        bank_width: width D_m of the bank.
        rank: rank of the map.
    """

    def __init__(self, hidden_size: int, bank_width: int, rank: int = 32) -> None:
        super().__init__(bank_width, rank, hidden_size)

    def forward(
        self, hidden: Tensor, bank: MaskedSequence, need_weights: bool = False
    ) -> tuple[Tensor, None]:
        """(B, L, D) and the bank (B, T, D_m) -> (B, L, D); there are no weights."""
        mixed = self.mapped(bank.pool("mean")).unsqueeze(1)  # (B, 1, D)
        return mixed.expand(-1, hidden.shape[1], -1), None
