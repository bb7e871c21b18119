"""TFN: the outer product of all modalities."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_fraction, check_positive_int, check_range
from pgf_plugin.models.base import Fused
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.models.tensor_fusion import FUSED_ORDER, TensorFusionModel, with_one
from pgf_plugin.registry import MODELS

_WIDTHS = {"text": 128, "audio": 32, "vision": 128}


@MODELS.register_module()
class TFN(TensorFusionModel):
    """Every product of an audio, a vision and a text feature, then a small network.

    Paper: Tensor Fusion Network for Multimodal Sentiment Analysis, Zadeh et al. 2017,
    arXiv 1707.07250. The fused tensor is [1; a] x [1; v] x [1; t] (section 4.2), so that it holds
    the single modalities, all pairs and all triples. Works over the modalities present.

    The defaults are MMSA's for MOSI. Unlike MMSA 2.2.1, whose means and LSTM run over the padding
    too, only real steps count; ``reference=True`` computes as MMSA does.

    Args:
        encoder: any text encoder.
        feature_dims: width of each non-text modality that is used.
        hidden_features: width of each modality's network.
        text_features: width of the text's vector t.
        dropout: rate in the networks of audio and vision.
        reference: see :class:`~pgf_plugin.models.tensor_fusion.TensorFusionModel`.
        head: see :class:`TFNHead`.
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
        text_features: int = 32,
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
        size = 1
        for width in self.fused_widths(text_features).values():
            size *= width
        self.head = build_module(head, "TFNHead", in_features=size)

    def fuse(
        self, inputs: dict[str, Tensor], features: dict[str, Tensor], outputs: Collection[str]
    ) -> Fused:
        """Multiply the vectors, each with a 1 before it, (B, product of their widths)."""
        product = torch.ones_like(features["text"][:, :1])
        for name in FUSED_ORDER:
            if name in features:
                outer = torch.einsum("bi,bj->bij", product, with_one(features[name]))
                product = outer.flatten(1)  # the last modality moves fastest
        return Fused(product, {"modality_features": features})


@MODELS.register_module()
class TFNHead(nn.Module):
    """Three layers whose score a sigmoid bounds, (B, D) -> (B, n_out).

    Args:
        in_features: width D of the fused tensor.
        hidden_features: width of the layers.
        out_features: number of scores, n_out.
        dropout: rate on the fused tensor.
        label_range: smallest and largest score; None leaves the scores unbounded.
    """

    parameter_group = "head"
    supplied = ("in_features",)

    def __init__(
        self,
        in_features: int,
        hidden_features: int = 64,
        out_features: int = 1,
        dropout: float = 0.5,
        label_range: tuple[float, float] | None = (-3.0, 3.0),
    ) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        check_positive_int("hidden_features", hidden_features)
        check_positive_int("out_features", out_features)
        self.label_range = None if label_range is None else check_range("label_range", label_range)
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
        scores = self.layers(pooled)
        if self.label_range is None:
            return scores
        low, high = self.label_range
        return torch.sigmoid(scores) * (high - low) + low
