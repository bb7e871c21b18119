"""MAG-BERT: audio and vision shift the word embeddings of a text encoder."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.errors import ConfigError, check_fraction, check_positive, check_positive_int
from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.fusions.resample import pool_to_length, resample
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence

_EPSILON = 1e-6


@MODELS.register_module()
class MAGBert(MSAModel):
    """A multimodal adaptation gate between the embeddings and the first layer of the encoder.

    Paper: Integrating Multimodal Information in Large Pretrained Transformers, Rahman et al. 2020,
    arXiv 1908.05787. The shifted embeddings go through the whole encoder, which is trained; its
    first token gives the score.

    Audio and vision must have one step a token: where they have more or fewer, their real steps
    are spread evenly over the tokens. Unlike MMSA 2.2.1, steps beyond their real length shift
    nothing. ``reference=True`` computes as MMSA does. BERT's own pooler is not read from the
    pretrained weights; the head has one of its own.

    Args:
        encoder: an :class:`~pgf_plugin.models.encoders.hf_text.HFTextEncoder`.
        feature_dims: width of each non-text modality that is used.
        shift_scale: beta, the largest length of a shift relative to the embedding's.
        dropout: rate on the shifted embeddings.
        reference: whether padded steps shift embeddings too, as in MMSA 2.2.1.
        head: see :class:`MAGBertHead`.
        loss: see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.

    Raises:
        ValueError: for a setting that is not allowed, or an encoder without layers or with
            ``cache_frozen``.
    """

    available_outputs = ("modality_features",)

    def __init__(
        self,
        encoder: ComponentConfig,
        feature_dims: Mapping[str, int] | None = None,
        shift_scale: float = 1.0,
        dropout: float = 0.5,
        reference: bool = False,
        head: ComponentConfig | None = None,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        super().__init__(feature_dims, loss, data_preprocessor)
        check_positive("shift_scale", shift_scale)
        check_fraction("dropout", dropout)
        self.reference = reference
        self.encoder: Any = build_module(encoder)
        if not isinstance(self.encoder, HFTextEncoder):
            raise ConfigError(
                f"MAGBert shifts the embeddings of an encoder, got {type(self.encoder).__name__}: "
                "use HFTextEncoder"
            )
        self.encoder.check_nothing_cached()
        width: Any = self.encoder.hidden_size
        self.gate = MultimodalAdaptationGate(width, self.feature_dims, shift_scale, dropout)
        self.head = build_module(head, "MAGBertHead", in_features=width)

    def extract(self, inputs: dict[str, Tensor]) -> dict[str, MaskedSequence]:
        """Audio and vision, one step a token, (B, L, D_name) by name."""
        tokens = inputs["attention_mask"].bool()
        return {
            name: self._to_tokens(MaskedSequence(inputs[name], inputs[f"{name}_mask"]), tokens)
            for name in self.feature_dims
        }

    def _to_tokens(self, sequence: MaskedSequence, tokens: Tensor) -> MaskedSequence:
        if self.reference:
            values = pool_to_length(sequence.values, tokens.shape[1])
            return MaskedSequence(values, torch.ones_like(tokens))
        return resample(sequence, tokens)

    def fuse(
        self,
        inputs: dict[str, Tensor],
        features: dict[str, MaskedSequence],
        outputs: Collection[str],
    ) -> Fused:
        """Encode the text from its shifted embeddings, (B, D) of its first token."""
        states = self.encoder(inputs, after_embeddings=lambda words: self.gate(words, features))
        first = states.pool("cls")
        means = {name: sequence.pool("mean") for name, sequence in features.items()}
        return Fused(first, {"modality_features": {"text": first, **means}})


class MultimodalAdaptationGate(nn.Module):
    r"""Shifts word embeddings by gated audio and vision (equations 1 to 4 of the paper).

    .. math::
        h &= \sum_m relu(W_{gm} [x_m; z] + b_m) \odot (W_m x_m) \\
        \bar z &= LayerNorm(z + \min(\beta ||z|| / ||h||, 1) h)

    Args:
        width: width D of the embeddings z.
        feature_dims: width of each modality.
        shift_scale: beta.
        dropout: rate on the result.
    """

    def __init__(
        self, width: int, feature_dims: Mapping[str, int], shift_scale: float, dropout: float
    ) -> None:
        super().__init__()
        self.shift_scale = shift_scale
        self.gates = nn.ModuleDict(
            {name: nn.Linear(dim + width, width) for name, dim in feature_dims.items()}
        )
        self.shifts = nn.ModuleDict(
            {name: nn.Linear(dim, width) for name, dim in feature_dims.items()}
        )
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, features: Mapping[str, MaskedSequence]) -> Tensor:
        """(B, L, D) and (B, L, D_name) by name -> (B, L, D)."""
        shift = torch.zeros_like(words)
        for name, (values, mask) in features.items():
            gate = F.relu(self.gates[name](torch.cat([values, words], dim=-1)))
            shift = shift + (gate * self.shifts[name](values)).masked_fill(~mask.unsqueeze(-1), 0.0)
        length = torch.linalg.vector_norm(shift, dim=-1, keepdim=True)  # (B, L, 1)
        length = length.masked_fill(length == 0, 1.0)
        size = torch.linalg.vector_norm(words, dim=-1, keepdim=True)
        scale = (size / (length + _EPSILON) * self.shift_scale).clamp(max=1.0)
        return self.dropout(self.norm(scale * shift + words))


@MODELS.register_module()
class MAGBertHead(nn.Module):
    """BERT's pooler and a linear layer, (B, D) -> (B, n_out).

    Args:
        in_features: width D of the first token.
        out_features: number of scores, n_out.
        dropout: rate on the pooled token.
    """

    parameter_group = "head"
    supplied = ("in_features",)

    def __init__(self, in_features: int, out_features: int = 1, dropout: float = 0.1) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        check_positive_int("out_features", out_features)
        self.layers = nn.Sequential(
            nn.Linear(in_features, in_features),
            nn.Tanh(),
            nn.Dropout(check_fraction("dropout", dropout)),
            nn.Linear(in_features, out_features),
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, D) -> (B, n_out)."""
        return self.layers(pooled)
