"""LMF: the outer product of all modalities through low-rank factors."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.errors import ConfigError, check_positive_int
from pgf_plugin.models.base import Fused
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.models.tensor_fusion import TensorFusionModel, with_one
from pgf_plugin.registry import MODELS

_WIDTHS = {"text": 128, "audio": 16, "vision": 128}


@MODELS.register_module()
class LMF(TensorFusionModel):
    """What a linear layer over TFN's tensor would give, without building the tensor.

    Paper: Efficient Low-rank Multimodal Fusion with Modality-Specific Factors, Liu et al. 2018,
    arXiv 1806.00064. The layer's weights are a sum of ``rank`` products of one factor a modality,
    so that the modalities are multiplied after their projections (equation 6). As in the
    reference, the sum over ranks is learned.

    The defaults are MMSA's for MOSI. Unlike MMSA 2.2.1, whose means and LSTM run over the padding
    too, only real steps count; ``reference=True`` computes as MMSA does.

    Args:
        encoder: any text encoder.
        feature_dims: width of each non-text modality that is used.
        hidden_features: width of each modality's network.
        text_features: width of the text's vector.
        rank: number of factors of each modality.
        dropout: rate in the networks of audio and vision.
        reference: see :class:`~pgf_plugin.models.tensor_fusion.TensorFusionModel`.
        head: see :class:`LMFHead`.
        loss: see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.

    Raises:
        ValueError: for a setting that is not allowed, before the encoder is built.
    """

    def __init__(
        self,
        encoder: ComponentConfig,
        feature_dims: Mapping[str, int] | None = None,
        hidden_features: Mapping[str, int] = _WIDTHS,
        text_features: int = 64,
        rank: int = 3,
        dropout: float = 0.3,
        reference: bool = False,
        head: ComponentConfig | None = None,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        super().__init__(
            *(encoder, feature_dims, hidden_features, text_features, dropout, reference),
            *(loss, data_preprocessor),
        )
        check_positive_int("rank", rank)
        self.head = build_module(head, "LMFHead", in_features=rank)
        scores: Any = getattr(self.head, "out_features", None)
        if not isinstance(scores, int):
            raise ConfigError(
                f"model.head must have out_features, the number of scores, which the factors take "
                f"from it: {type(self.head).__name__} has none; use LMFHead, or give it one"
            )
        self.factors = nn.ParameterDict(
            {
                name: nn.init.xavier_normal_(torch.empty(rank, width, scores))
                for name, width in self.fused_widths(text_features).items()
            }
        )

    def fuse(
        self, inputs: dict[str, Tensor], features: dict[str, Tensor], outputs: Collection[str]
    ) -> Fused:
        """Project each vector by its factors and multiply, (B, rank, n_out)."""
        projected = [
            torch.einsum("bh,rho->bro", with_one(features[name]), factor)
            for name, factor in self.factors.items()
        ]
        product = torch.stack(projected).prod(dim=0)
        return Fused(product, {"modality_features": features})


@MODELS.register_module()
class LMFHead(nn.Module):
    """Weighted sum over the ranks, (B, rank, n_out) -> (B, n_out).

    Args:
        in_features: number of ranks.
        out_features: number of scores, n_out; the factors of the model have as many columns.

    Attributes:
        out_features: the same number.
    """

    parameter_group = "head"
    supplied = ("in_features",)

    def __init__(self, in_features: int, out_features: int = 1) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        self.out_features = check_positive_int("out_features", out_features)
        self.weight = nn.Parameter(nn.init.xavier_normal_(torch.empty(1, in_features)))
        self.bias = nn.Parameter(torch.zeros(1, out_features))

    def forward(self, product: Tensor) -> Tensor:
        """(B, rank, n_out) -> (B, n_out)."""
        return (self.weight @ product).squeeze(1) + self.bias
