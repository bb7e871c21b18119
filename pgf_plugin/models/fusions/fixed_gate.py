"""A gate that does not learn: for ablations."""

import torch
from torch import Tensor

from pgf_plugin.errors import check_probability
from pgf_plugin.models.fusions.gate import Gate
from pgf_plugin.registry import MODELS


@MODELS.register_module()
class PGFFixedGate(Gate):
    """The same coefficient for every token and dimension, without parameters.

    Args:
        value: the coefficient, in [0, 1]; 1 keeps the language. About where :class:`PGFGate`
            starts, unless given.
    """

    supplied = ("hidden_size",)

    def __init__(self, hidden_size: int, value: float = 0.95) -> None:
        super().__init__()
        self.value = check_probability("value", value)

    def forward(self, hidden: Tensor, attended: Tensor) -> Tensor:
        """(B, L, D) and (B, L, D) -> gate (B, L, D) in [``floor``, 1]."""
        return self.held(torch.full_like(hidden, self.value))
