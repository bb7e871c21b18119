"""A gate with one coefficient a token: for ablations."""

from torch import Tensor, nn

from pgf_plugin.models.fusions.gate import Gate, linear_of_both
from pgf_plugin.registry import MODELS


@MODELS.register_module()
class PGFScalarGate(Gate):
    r"""One coefficient for all dimensions of a token.

    .. math:: g = \sigma(w_g^\top [T ; C] + b_g)

    It starts as :class:`PGFGate` does: :math:`w_g` at zero, :math:`b_g` at ``init_bias``.

    Args:
        hidden_size: width D of the text.
        init_bias: start of :math:`b_g`; sigmoid(3) is 0.95.
    """

    supplied = ("hidden_size",)

    def __init__(self, hidden_size: int, init_bias: float = 3.0) -> None:
        super().__init__()
        self.score = nn.Linear(2 * hidden_size, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.constant_(self.score.bias, init_bias)

    def forward(self, hidden: Tensor, attended: Tensor) -> Tensor:
        """(B, L, D) and (B, L, D) -> gate (B, L, D), the same for all D, in [``floor``, 1]."""
        scores = linear_of_both(hidden, attended, self.score.weight, self.score.bias)  # (B, L, 1)
        return self.of(scores).expand_as(hidden)
