"""What TFN and LMF share: one vector for each modality, before the fusion."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_positive_int
from pgf_plugin.models.base import MSAModel
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.models.by_modality import by_modality
from pgf_plugin.models.encoders.subnets import FeatureSubNet, LSTMSubNet
from pgf_plugin.structures import MaskedSequence

FUSED_ORDER = ("audio", "vision", "text")
"""Order of the modalities in the product, as in the reference."""


class TensorFusionModel(MSAModel):
    """Encodes the text by an LSTM, audio and vision by small networks over their means.

    Args:
        encoder: any text encoder.
        feature_dims: width of each non-text modality that is used.
        hidden_features: width of each modality's network.
        text_features: width of the text's vector.
        dropout: rate in the networks of audio and vision.
        reference: whether padding counts as real steps, in the means and in the LSTM, as in MMSA
            2.2.1; a prediction then depends on the padding.
        loss: see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.
    """

    available_outputs = ("modality_features",)

    def __init__(
        self,
        encoder: ComponentConfig,
        feature_dims: Mapping[str, int] | None,
        hidden_features: Mapping[str, int],
        text_features: int,
        dropout: float,
        reference: bool,
        loss: ComponentConfig | None,
        data_preprocessor: ComponentConfig | None,
    ) -> None:
        super().__init__(feature_dims, loss, data_preprocessor)
        self.reference = reference
        names = ("text", *self.feature_dims)
        widths = by_modality("hidden_features", hidden_features, names, check_positive_int)
        self.subnets = nn.ModuleDict(
            {
                name: FeatureSubNet(width, widths[name], dropout)
                for name, width in self.feature_dims.items()
            }
        )
        # Last: every setting has been checked by now, and an encoder may take long to load.
        self.encoder = build_module(encoder)
        text_width: Any = self.encoder.hidden_size
        self.text_subnet = LSTMSubNet(text_width, widths["text"], text_features)

    def extract(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """One vector a modality, (B, H_name) by name."""
        vectors = {"text": self.text_subnet(self._real(self.encoder(inputs)))}
        for name, subnet in self.subnets.items():
            sequence = self._real(MaskedSequence(inputs[name], inputs[f"{name}_mask"]))
            vectors[name] = subnet(sequence.pool("mean"))
        return vectors

    def _real(self, sequence: MaskedSequence) -> MaskedSequence:
        return sequence.unmasked() if self.reference else sequence

    def fused_widths(self, text_features: int) -> dict[str, int]:
        """Width of each modality's vector with the 1 before it, in the order of the product."""
        widths: dict[str, Any] = {name: net.out_features for name, net in self.subnets.items()}
        widths["text"] = text_features
        return {name: 1 + widths[name] for name in FUSED_ORDER if name in widths}


def with_one(vectors: Tensor) -> Tensor:
    """Put a 1 before each vector, (B, D) -> (B, 1 + D), so that products keep single modalities."""
    return torch.cat([torch.ones_like(vectors[:, :1]), vectors], dim=1)
