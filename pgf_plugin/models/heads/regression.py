"""The head that turns an utterance's vector into scores."""

from torch import Tensor, nn

from pgf_plugin.errors import check_fraction, check_positive_int
from pgf_plugin.registry import MODELS


@MODELS.register_module()
class MSARegressionHead(nn.Module):
    """Two hidden layers with ReLU, dropout before the first.

    Paper: the ``SubNet`` of TFN, arXiv 1707.07250, as MMA and PGF-Net (arXiv 2508.15852) use it.

    Args:
        in_features: width D of the utterance's vector.
        hidden_features: width of the hidden layers.
        out_features: number of scores, n_out.
        dropout: dropout on the input.
    """

    parameter_group = "head"
    supplied = ("in_features",)

    def __init__(
        self,
        in_features: int,
        hidden_features: int = 128,
        out_features: int = 1,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        check_positive_int("hidden_features", hidden_features)
        check_positive_int("out_features", out_features)
        self.layers = nn.Sequential(
            nn.Dropout(check_fraction("dropout", dropout)),
            nn.Linear(in_features, hidden_features),
            nn.ReLU(),
            nn.Linear(hidden_features, hidden_features),
            nn.ReLU(),
            nn.Linear(hidden_features, out_features),
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, D) -> (B, n_out)."""
        return self.layers(pooled)
