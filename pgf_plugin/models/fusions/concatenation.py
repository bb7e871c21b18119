"""Concatenation in the place of the cross-attention: for ablations."""

import torch
from torch import Tensor

from pgf_plugin.models.fusions.low_rank import LowRankMap
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


@MODELS.register_module()
class PGFConcatenation(LowRankMap):
    r"""Lets every text position see the mean of the bank, beside itself.

    .. math:: C = W_{up} W_{down} [T ; \bar M]

    with :math:`\bar M` the mean of the real steps: no position chooses among them. The map back to
    D is of low rank, for about as many parameters as :class:`PGFCrossAttention` has: on BERT-base
    26,384 against 27,424 a layer. :math:`W_{up}` starts at zero, as there.

    Paper: PGF-Net, arXiv 2508.15852, its ablation "without cross-attention", whose form it does
    not give.

    Args:
        hidden_size: width D of the text.
        bank_width: width D_m of the bank.
        rank: rank of the map.
    """

    def __init__(self, hidden_size: int, bank_width: int, rank: int = 16) -> None:
        super().__init__(hidden_size + bank_width, rank, hidden_size)

    def forward(
        self, hidden: Tensor, bank: MaskedSequence, need_weights: bool = False
    ) -> tuple[Tensor, None]:
        """(B, L, D) and the bank (B, T, D_m) -> (B, L, D); there are no weights."""
        mean = bank.pool("mean").unsqueeze(1).expand(-1, hidden.shape[1], -1)  # (B, L, D_m)
        return self.mapped(torch.cat((hidden, mean.to(hidden)), dim=-1)), None
