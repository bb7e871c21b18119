"""PGF-Net: progressive intra-layer fusion inside a frozen text encoder."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pgf_plugin.errors import check_one_of, check_positive_int
from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.models.build import ComponentConfig, build_module, typed
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.fusions.bank import split_bank
from pgf_plugin.models.fusions.cross_attention import (
    BankProjection,
    PGFCrossAttention,
    project_bank,
)
from pgf_plugin.models.fusions.pgf_block import PGFBlock, outputs_of_blocks
from pgf_plugin.models.peft.schedule import layer_blocks
from pgf_plugin.models.presets import fill_in, preset_called
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import POOLINGS, MaskedSequence

_OF_LAYERS = ("gates", "attention", "experts")
"""Outputs that hold one tensor a layer."""


@MODELS.register_module()
class PGFNet(MSAModel):
    """A PGF block after every encoder layer hands the refined states to the next layer.

    Paper: PGF-Net, arXiv 2508.15852. What the paper leaves out follows MMA (Mixture of Multimodal
    Adapters, NAACL 2025).

    Args:
        encoder: an encoder with a layer stack, see
            :class:`~pgf_plugin.models.encoders.hf_text.HFTextEncoder`.
        feature_dims: width of each modality that is used, None for one that is not; with none,
            the blocks are adapters.
        bank: see :class:`~pgf_plugin.models.fusions.bank.PGFBank`.
        block: see :class:`~pgf_plugin.models.fusions.pgf_block.PGFBlock`; one is built a layer.
        start_fusion_layer: first layer that is followed by a block, counted from 0.
        adapter_bottlenecks: bottlenecks of the adapters from layer to layer, in the place of the
            one in ``block``: a list, where 0 means no adapter, or a rule such as
            ``dict(rule='linear', first=16, last=112, total=384)``; see
            :func:`~pgf_plugin.models.peft.schedule.bottlenecks_of`.
        adapter_layers: layers whose block has an adapter, counted from 0 and increasing;
            ``adapter_bottlenecks`` is then of these alone. None for every fused layer.
        recompute: whether training keeps nothing of what the blocks compute, and computes it
            again in the backward pass: less memory, more time, the same gradients.
        pooling: ``'cls'`` (the paper's) or ``'mean'``, over the last layer.
        head: see :class:`~pgf_plugin.models.heads.regression.MSARegressionHead`.
        loss: see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.
        preset: name in :data:`~pgf_plugin.models.presets.PRESETS`, which supplies the sizes that
            ``encoder`` (LoRA), ``bank``, ``block`` and ``head`` leave out. None leaves them to the
            parts, whose defaults are those of ``'3m'``, but for LoRA, which an encoder has not.

    Raises:
        ValueError: if there is no such preset, ``start_fusion_layer`` is past the encoder's
            last layer, the encoder has no layer stack, or ``adapter_bottlenecks`` or
            ``adapter_layers`` do not fit it.
    """

    available_outputs: tuple[str, ...] = ("gates", "attention", "modality_features")

    def __init__(
        self,
        encoder: ComponentConfig,
        feature_dims: Mapping[str, int | None] | None = None,
        bank: ComponentConfig | None = None,
        block: ComponentConfig | None = None,
        start_fusion_layer: int = 0,
        adapter_bottlenecks: Sequence[int] | Mapping[str, Any] | None = None,
        adapter_layers: Sequence[int] | None = None,
        recompute: bool = False,
        pooling: str = "cls",
        head: ComponentConfig | None = None,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
        preset: str | None = None,
    ) -> None:
        super().__init__(feature_dims, loss, data_preprocessor)
        check_positive_int("start_fusion_layer", start_fusion_layer, at_least=0)
        self.pooling = check_one_of("pooling", pooling, POOLINGS)
        self.start_fusion_layer = start_fusion_layer
        self.recompute = recompute
        sizes = preset_called(preset)
        self.encoder = build_module(fill_in(encoder, sizes.encoder()) if sizes else encoder)
        num_layers = count_layers(self, start_fusion_layer)
        width: Any = self.encoder.hidden_size
        if sizes:
            bank, block = fill_in(bank, sizes.bank(width)), fill_in(block, sizes.block())
            head = fill_in(head, sizes.head())
        self.bank = (
            build_module(bank, "PGFBank", feature_dims=self.feature_dims)
            if self.feature_dims
            else None
        )
        bank_width = None if self.bank is None else self.bank.width
        self.blocks = nn.ModuleList(
            build_module(config, hidden_size=width, bank_width=bank_width)
            for config in layer_blocks(
                typed(block, "PGFBlock"),
                adapter_bottlenecks,
                adapter_layers,
                start_fusion_layer,
                num_layers,
            )
        )
        usual = type(self).available_outputs if self.feature_dims else ()
        self.available_outputs = (*outputs_of_blocks(self.blocks, usual), "modality_features")
        self.head = build_module(head, "MSARegressionHead", in_features=width)

    def extract(self, inputs: dict[str, Tensor]) -> MaskedSequence | None:
        """Line up the audio and vision steps, (B, T_a + T_v, D_m)."""
        return None if self.bank is None else self.bank(inputs)

    def fuse(
        self, inputs: dict[str, Tensor], features: MaskedSequence | None, outputs: Collection[str]
    ) -> Fused:
        """Run the encoder with a block after each layer and pool its last states."""
        collected: dict[str, list[Tensor]] = defaultdict(list)
        projections = self._project(features)

        def refine(number: int, hidden: Tensor) -> Tensor:
            place = number - self.start_fusion_layer
            block, known = self.blocks[place], projections[place : place + 1]
            if self.recompute and torch.is_grad_enabled():
                refined, asked = checkpoint(
                    block, hidden, features, outputs, *known, use_reentrant=False
                )
            else:
                refined, asked = block(hidden, features, outputs, *known)
            for name, value in asked.items():
                collected[name].append(value)
            return refined

        states = self.encoder(inputs, after_layer=refine, start_layer=self.start_fusion_layer)
        pooled = states.pool(self.pooling)  # (B, D)
        named: dict[str, Any] = {name: tuple(collected[name]) for name in _OF_LAYERS}
        if "modality_features" in outputs:
            parts = {} if features is None else split_bank(features, inputs, self.feature_dims)
            named["modality_features"] = {
                "text": pooled,
                **{name: part.pool("mean") for name, part in parts.items()},
            }
        return Fused(pooled, named)

    def _project(self, bank: MaskedSequence | None) -> list[BankProjection]:
        """Keys and values of the bank for each block; none if a block has parts of another type."""
        parts = [getattr(block, "cross_attention", None) for block in self.blocks]
        ours = [part for part in parts if type(part) is PGFCrossAttention]
        known = len(ours) == len(parts) and all(type(block) is PGFBlock for block in self.blocks)
        return project_bank(ours, bank) if known and bank is not None else []


def count_layers(model: Any, start_fusion_layer: int) -> int:
    """Return how many layers the encoder of ``model`` has.

    Raises:
        ValueError: if it has none to fuse in, or fusion starts past the last.
    """
    number: int | None = getattr(model.encoder, "num_layers", None)
    if number is None:
        raise ValueError(
            f"encoder: {type(model).__name__} fuses inside the layers of its encoder; "
            f"{type(model.encoder).__name__} has none. Use HFTextEncoder, "
            "FeatureTransformerEncoder for text features, or a model that fuses after it (MulT)"
        )
    if start_fusion_layer >= number:
        raise ValueError(
            f"start_fusion_layer must be below the encoder's {number} layers, got "
            f"{start_fusion_layer}"
        )
    if isinstance(model.encoder, HFTextEncoder):
        model.encoder.check_first_fusion(start_fusion_layer)
    return number
