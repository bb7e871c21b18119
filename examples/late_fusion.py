"""A model of one's own: late fusion. How a config names it: docs/bring_your_own.md."""

import torch
from torch import nn

from pgf_plugin.models import Fused, MSAModel, build_module
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


@MODELS.register_module()
class LateFusionNet(MSAModel):
    """Means of all modalities, projected, side by side.

    Args:
        encoder: any text encoder.
        feature_dims: width of each modality that is used.
        width: width of each projected modality.
        head: from (len(feature_dims) + 1) * ``width`` to the scores.
        **kwargs: ``loss`` and ``data_preprocessor`` of :class:`MSAModel`.
    """

    available_outputs = ("modality_features",)

    def __init__(self, encoder, feature_dims=None, width=64, head=None, **kwargs):
        super().__init__(feature_dims, **kwargs)
        self.encoder = build_module(encoder)
        widths = {"text": self.encoder.hidden_size, **self.feature_dims}
        self.project = nn.ModuleDict({name: nn.Linear(dim, width) for name, dim in widths.items()})
        self.head = build_module(
            head or {"type": "MSARegressionHead"}, in_features=len(widths) * width
        )

    def extract(self, inputs):
        """Sequences by modality, (B, T, D) with their masks."""
        others = {
            name: MaskedSequence(inputs[name], inputs[f"{name}_mask"]) for name in self.feature_dims
        }
        return {"text": self.encoder(inputs), **others}

    def fuse(self, inputs, features, outputs):
        """Mean over the real steps of each, projected and concatenated, (B, n * width)."""
        means = {
            name: project(features[name].pool("mean")) for name, project in self.project.items()
        }
        return Fused(torch.cat(list(means.values()), dim=-1), {"modality_features": means})
