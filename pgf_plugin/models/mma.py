"""MMA: adapters of all modalities in parallel, inside every layer of a frozen encoder."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_fraction, check_one_of, check_positive_int
from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.models.fusions.adapter_mixture import AdapterMixture
from pgf_plugin.models.pgf_net import count_layers
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import POOLINGS, MaskedSequence


@MODELS.register_module()
class MMA(MSAModel):
    """A mixture of multimodal adapters after every encoder layer: PGF-Net's parallel ancestor.

    Paper: Mixture of Multimodal Adapters for Sentiment Analysis, Chen et al., NAACL 2025
    (2025.naacl-long.90). Where PGF-Net attends, gates and adapts one after the other, MMA runs one
    adapter a modality side by side and lets a router weigh them for each token, see
    :class:`~pgf_plugin.models.fusions.adapter_mixture.AdapterMixture`.

    After the paper and its published settings: convolutions of kernel 3, attention without
    parameters, bottleneck 64, LoRA of rank 32, a balance loss on the router. Written without its
    code: where the paper leaves the wiring open, this is our reading of it.

    Args:
        encoder: an encoder with a layer stack, see
            :class:`~pgf_plugin.models.encoders.hf_text.HFTextEncoder`.
        feature_dims: width of each non-text modality that is used.
        bottleneck: width of the adapters' bottleneck.
        kernel_size: kernel of the convolutions over audio and vision.
        top_k: modalities that the router keeps for each token; None keeps all.
        balance_weight: weight of the loss that keeps the router from one modality alone.
        start_fusion_layer: first layer that is followed by a mixture, counted from 0.
        pooling: ``'cls'`` or ``'mean'``, over the last layer.
        head: see :class:`~pgf_plugin.models.heads.regression.MSARegressionHead`.
        loss: see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.

    Raises:
        ValueError: for a setting that is not allowed, or an encoder without layers.
    """

    available_outputs = ("modality_features",)

    def __init__(
        self,
        encoder: ComponentConfig,
        feature_dims: Mapping[str, int] | None = None,
        bottleneck: int = 64,
        kernel_size: int = 3,
        top_k: int | None = None,
        balance_weight: float = 0.01,
        start_fusion_layer: int = 0,
        pooling: str = "cls",
        head: ComponentConfig | None = None,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        super().__init__(feature_dims, loss, data_preprocessor)
        self.pooling = check_one_of("pooling", pooling, POOLINGS)
        self.balance_weight = check_fraction("balance_weight", balance_weight)
        self.start_fusion_layer = check_positive_int(
            "start_fusion_layer", start_fusion_layer, at_least=0
        )
        self.encoder: Any = build_module(encoder)
        width: Any = self.encoder.hidden_size
        num_layers = count_layers(self, start_fusion_layer)
        self.mixtures = nn.ModuleList(
            AdapterMixture(width, self.feature_dims, bottleneck, kernel_size, top_k)
            for _ in range(start_fusion_layer, num_layers)
        )
        self.head = build_module(head, "MSARegressionHead", in_features=width)

    def extract(self, inputs: dict[str, Tensor]) -> dict[str, MaskedSequence]:
        """Audio and vision as they come, (B, T_name, D_name) by name."""
        return {
            name: MaskedSequence(inputs[name], inputs[f"{name}_mask"]) for name in self.feature_dims
        }

    def fuse(
        self,
        inputs: dict[str, Tensor],
        features: dict[str, MaskedSequence],
        outputs: Collection[str],
    ) -> Fused:
        """Run the encoder with a mixture after each layer and pool its last states, (B, D)."""
        weights: list[Tensor] = []

        def mix(number: int, hidden: Tensor) -> Tensor:
            mixed, routed = self.mixtures[number - self.start_fusion_layer](hidden, features)
            weights.append(routed)
            return mixed

        states = self.encoder(inputs, after_layer=mix, start_layer=self.start_fusion_layer)
        pooled = states.pool(self.pooling)
        means = {name: sequence.pool("mean") for name, sequence in features.items()}
        named = {"modality_features": {"text": pooled, **means}}
        return Fused(pooled, {**named, "router": (weights, states.mask)})

    def auxiliary_losses(self, fused: Fused) -> dict[str, Tensor]:
        """How unevenly the router weighs the modalities: 1 for even weights, M for one alone."""
        if not self.feature_dims or not self.balance_weight:
            return {}
        weights, mask = fused.intermediates["router"]
        real = mask.unsqueeze(-1)
        steps = real.sum().clamp(min=1)  # a batch may have none
        shares = torch.stack([(w.float() * real).sum((0, 1)) / steps for w in weights])
        uneven = shares.shape[1] * shares.square().sum(dim=1)  # one a layer
        return {"loss_balance": self.balance_weight * uneven.mean()}
