"""MulT: every modality attends to every other, step by step."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_fraction, check_positive_int
from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.models.by_modality import by_modality
from pgf_plugin.models.encoders.sequence import InputDropout, TemporalConv
from pgf_plugin.models.fusions.crossmodal import CrossmodalTransformer
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence

_ATTENTION_DROPOUT = {"text": 0.3, "audio": 0.2, "vision": 0.0}


@MODELS.register_module()
class MulT(MSAModel):
    """Crossmodal transformers between all pairs of modalities, then self-attention for each.

    Paper: Multimodal Transformer for Unaligned Multimodal Language Sequences, Tsai et al. 2019,
    arXiv 1906.00295. Each modality is projected by a temporal convolution (equation 2). Each
    target is enriched by every other modality (equations 3 and 4); its streams, side by side, go
    through a self-attention transformer, whose last real step stands for the modality.

    With two modalities each has one stream; with text alone the projected text itself goes through
    the self-attention transformer. A modality without a real step gives zeros.

    The defaults are MMSA's for MOSI, with the paper's position embedding. Unlike MMSA 2.2.1,
    padding is not attended to, nor convolved into real steps, nor read as the last step;
    convolutions keep the length; a modality is projected also if it has the right width already.
    ``reference=True`` computes as MMSA does in all four, on batches padded to fixed lengths.

    Args:
        encoder: any text encoder.
        feature_dims: width of each non-text modality that is used.
        width: width d of the projected modalities.
        num_heads: attention heads; divides ``width``.
        num_layers: layers of each crossmodal transformer.
        num_memory_layers: layers of each self-attention transformer; None takes ``num_layers``,
            3 at least, as the authors' code does.
        kernel_size: kernel of the temporal convolutions, one for all or by modality.
        attention_dropout: by the modality whose steps are attended to, or one for all; the
            self-attention of every target takes that of text, as in MMSA and the authors' code.
        feedforward_dropout: see :class:`CrossmodalTransformer`.
        residual_dropout: see :class:`CrossmodalTransformer`.
        embedding_dropout: see :class:`CrossmodalTransformer`.
        text_dropout: rate on the text encoder's states.
        causal: see :class:`CrossmodalTransformer`.
        position_embedding: see :class:`CrossmodalTransformer`.
        reference: whether to take padding for real steps and shorten sequences by
            ``kernel_size - 1``, as MMSA 2.2.1 does; a prediction then depends on the padding.
        head: see :class:`MulTHead`.
        loss: see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.

    Raises:
        ValueError: for a setting that is not allowed, before the encoder is built.
    """

    available_outputs = ("modality_features",)

    def __init__(
        self,
        encoder: ComponentConfig,
        feature_dims: Mapping[str, int] | None = None,
        width: int = 50,
        num_heads: int = 10,
        num_layers: int = 4,
        num_memory_layers: int | None = None,
        kernel_size: int | Mapping[str, int] = 5,
        attention_dropout: float | Mapping[str, float] | None = None,
        feedforward_dropout: float = 0.0,
        residual_dropout: float = 0.0,
        embedding_dropout: float = 0.2,
        text_dropout: float = 0.5,
        causal: bool = True,
        position_embedding: bool = True,
        reference: bool = False,
        head: ComponentConfig | None = None,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        super().__init__(feature_dims, loss, data_preprocessor)
        self.reference = reference
        names = ("text", *self.feature_dims)
        kernels = by_modality("kernel_size", kernel_size, names, check_positive_int)
        dropouts = by_modality(
            "attention_dropout",
            _ATTENTION_DROPOUT if attention_dropout is None else attention_dropout,
            names,
            check_fraction,
        )
        check_fraction("text_dropout", text_dropout)
        branches = {
            name: CrossmodalBranch(
                name,
                dropouts,
                width,
                num_layers,
                num_memory_layers,
                num_heads=num_heads,
                feedforward_dropout=feedforward_dropout,
                residual_dropout=residual_dropout,
                embedding_dropout=embedding_dropout,
                causal=causal,
                position_embedding=position_embedding,
            )
            for name in names
        }
        self.branches = nn.ModuleDict(branches)
        pooled_width = sum(branch.out_features for branch in branches.values())
        self.head = build_module(head, "MulTHead", in_features=pooled_width)
        # Last: every setting has been checked by now, and an encoder may take long to load.
        self.encoder = build_module(encoder)
        dims: dict[str, Any] = {"text": self.encoder.hidden_size, **self.feature_dims}
        rates = dict.fromkeys(names, 0.0) | {"text": text_dropout}
        self.projections = nn.ModuleDict(
            {
                name: InputDropout(rates[name])
                if reference and dims[name] == width
                else TemporalConv(dims[name], width, kernels[name], rates[name], not reference)
                for name in names
            }
        )

    def extract(self, inputs: dict[str, Tensor]) -> dict[str, MaskedSequence]:
        """Encode the text and project every modality, (B, T_name, d) by name."""
        sequences = {"text": self.encoder(inputs)}
        for name in self.feature_dims:
            sequences[name] = MaskedSequence(inputs[name], inputs[f"{name}_mask"])
        if self.reference:
            sequences = {name: value.unmasked() for name, value in sequences.items()}
        return {name: self.projections[name](value) for name, value in sequences.items()}

    def fuse(
        self,
        inputs: dict[str, Tensor],
        features: dict[str, MaskedSequence],
        outputs: Collection[str],
    ) -> Fused:
        """Run the transformers of every target, (B, D) over all modalities."""
        states = {name: branch(features) for name, branch in self.branches.items()}
        pooled = torch.cat(list(states.values()), dim=-1)
        return Fused(pooled, {"modality_features": states})


class CrossmodalBranch(nn.Module):
    """All that MulT does for one target: a stream from every other modality, then its memory.

    Args:
        target: name of the modality that is enriched.
        attention_dropout: rate by modality whose steps are attended to, that of text for the
            memory; its keys are all modalities that are used.
        width: width d of the projected modalities.
        num_layers: layers of each crossmodal transformer.
        num_memory_layers: layers of the self-attention transformer; None takes ``num_layers``, 3
            at least.
        transformer: further arguments of :class:`CrossmodalTransformer`.

    Attributes:
        out_features: d for each stream, and d where the target is the only modality.
    """

    def __init__(
        self,
        target: str,
        attention_dropout: Mapping[str, float],
        width: int,
        num_layers: int,
        num_memory_layers: int | None,
        **transformer: Any,
    ) -> None:
        super().__init__()
        check_positive_int("width", width)
        check_positive_int("num_layers", num_layers)
        if num_memory_layers is None:
            num_memory_layers = max(num_layers, 3)
        check_positive_int("num_memory_layers", num_memory_layers)
        self.target = target
        self.streams = nn.ModuleDict(
            {
                source: CrossmodalTransformer(
                    width, num_layers=num_layers, attention_dropout=rate, **transformer
                )
                for source, rate in attention_dropout.items()
                if source != target
            }
        )
        self.out_features = max(1, len(self.streams)) * width
        self.memory = CrossmodalTransformer(
            self.out_features,
            num_layers=num_memory_layers,
            attention_dropout=attention_dropout["text"],  # whatever the target, as in MMSA
            **transformer,
        )

    def forward(self, features: Mapping[str, MaskedSequence]) -> Tensor:
        """Enrich the target (B, T, d) by the other modalities; its last step, (B, out_features)."""
        own = features[self.target]
        streams = [stream(own, features[source]).values for source, stream in self.streams.items()]
        joined = torch.cat(streams, dim=-1) if streams else own.values
        return self.memory.last(MaskedSequence(joined, own.mask))


@MODELS.register_module()
class MulTHead(nn.Module):
    """A residual block and a linear layer, (B, D) -> (B, n_out), as in the authors' code.

    Args:
        in_features: width D of the utterance's vector.
        out_features: number of scores, n_out.
        dropout: rate inside the residual block.
    """

    parameter_group = "head"
    supplied = ("in_features",)

    def __init__(self, in_features: int, out_features: int = 1, dropout: float = 0.5) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        check_positive_int("out_features", out_features)
        self.block = nn.Sequential(
            nn.Linear(in_features, in_features),
            nn.ReLU(),
            nn.Dropout(check_fraction("dropout", dropout)),
            nn.Linear(in_features, in_features),
        )
        self.out = nn.Linear(in_features, out_features)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, D) -> (B, n_out)."""
        return self.out(pooled + self.block(pooled))
