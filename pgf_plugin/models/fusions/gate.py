"""The gate that arbitrates, per dimension, between the language and what it looked at."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.errors import check_positive_int
from pgf_plugin.registry import MODELS


class Gate(nn.Module):
    """What the gates of a PGF block share.

    Attributes:
        floor: lower bound of the gate, in [0, 1]; 1 holds it at "keep the language". Set by
            :class:`~pgf_plugin.hooks.GateWarmupHook`.
    """

    floor = 0.0

    def of(self, scores: Tensor) -> Tensor:
        """The gate of scores, held; in float32 at least.

        Half precision would round what is near 1 to 1, where nothing is let in.
        """
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        return self.held(scores.sigmoid())

    def held(self, gate: Tensor) -> Tensor:
        """The gate, squeezed from below into [``floor``, 1]."""
        return self.floor + (1.0 - self.floor) * gate if self.floor else gate


@MODELS.register_module()
class PGFGate(Gate):
    r"""One coefficient a dimension; 1 keeps the language, 0 replaces it.

    .. math:: g = \sigma(W_g [T ; C] + b_g)

    :math:`W_g` is factored, :math:`W_g = W_{up} W_{down}`, unless ``rank`` is None. It starts at
    zero and :math:`b_g` at ``init_bias``, so that an untrained gate is constant, near "keep the
    language".

    Paper: PGF-Net, arXiv 2508.15852, the adaptive gated arbitration. Its gate is full width
    (1.18 M parameters a layer on BERT-base), which its own budget excludes.

    Args:
        hidden_size: width D of the text.
        rank: rank of :math:`W_g`; None for full width.
        init_bias: start of :math:`b_g`; sigmoid(3) is 0.95.
    """

    supplied = ("hidden_size",)

    def __init__(self, hidden_size: int, rank: int | None = 8, init_bias: float = 3.0) -> None:
        super().__init__()
        if rank is None:
            self.down: nn.Module = nn.Identity()
        else:
            check_positive_int("rank", rank)
            self.down = nn.Linear(2 * hidden_size, rank, bias=False)
        self.up = nn.Linear(rank or 2 * hidden_size, hidden_size)
        nn.init.zeros_(self.up.weight)
        nn.init.constant_(self.up.bias, init_bias)

    def forward(self, hidden: Tensor, attended: Tensor) -> Tensor:
        """(B, L, D) and (B, L, D) -> gate (B, L, D) in [``floor``, 1]."""
        if isinstance(self.down, nn.Linear):
            scores = self.up(linear_of_both(hidden, attended, self.down.weight))
        else:
            scores = linear_of_both(hidden, attended, self.up.weight, self.up.bias)
        return self.of(scores)


def linear_of_both(
    hidden: Tensor, attended: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """The linear map of [hidden ; attended], which is not laid out: it is twice as wide."""
    for_hidden, for_attended = weight.chunk(2, dim=1)
    return F.linear(hidden, for_hidden, bias) + F.linear(attended, for_attended)
