"""A model of somebody else. Its entry point in pyproject.toml is all that registers it."""

import torch

from pgf_plugin.models import Fused, MSAModel, build_module
from pgf_plugin.structures import MaskedSequence


class MeanFusionNet(MSAModel):
    """The pooled text beside the means of all other modalities, into one head."""

    def __init__(self, encoder, feature_dims=None, pooling="mean", head=None, **kwargs):
        super().__init__(feature_dims, **kwargs)
        self.encoder, self.pooling = build_module(encoder), pooling
        width = self.encoder.hidden_size + sum(self.feature_dims.values())
        self.head = build_module(head or {"type": "MSARegressionHead"}, in_features=width)

    def extract(self, inputs):
        others = [MaskedSequence(inputs[n], inputs[f"{n}_mask"]) for n in self.feature_dims]
        return self.encoder(inputs).pool(self.pooling), [steps.pool("mean") for steps in others]

    def fuse(self, inputs, features, outputs):
        text, others = features
        return Fused(torch.cat([text, *others], dim=-1), {})
