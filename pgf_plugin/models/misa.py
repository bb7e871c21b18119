"""MISA: each modality in two subspaces, one of its own and one that all share."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_fraction, check_heads, check_positive_int, is_number
from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.models.encoders.bilstm import BiLSTMEncoder, BiLSTMEncoders
from pgf_plugin.models.losses.misa import (
    difference_loss,
    reconstruction_loss,
    similarity_loss,
)
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


@MODELS.register_module()
class MISA(MSAModel):
    """Private and shared representations, kept apart and together by losses, fused by attention.

    Paper: MISA: Modality-Invariant and -Specific Representations for Multimodal Sentiment
    Analysis, Hazarika et al. 2020, arXiv 2005.03545. An utterance's vector u_m of modality m is
    the mean of the text encoder's states over the real tokens, or the final states of stacked
    LSTMs (section 3.3). ``private_m`` and one ``shared`` encoder map it to the two subspaces; a
    transformer layer over all 2 x modalities vectors and a small MLP give the score (section 3.4).
    The loss is the task's (the paper's: ``kind='mse'``, the default here) plus weighted similarity,
    difference and reconstruction losses (section 3.5).

    Works over the modalities present; with text alone the losses between modalities are zero. A
    sample without a real step of a modality takes part with the projection of a zero vector.

    The defaults are MMSA's for MOSI. Unlike MMSA 2.2.1, audio and vision have lengths of their own
    (it takes the text's), the text may have any width, and parts that no loss trains are left out
    (the shared-private discriminator, the LayerNorm of the text). The similarity is CMD; the
    adversarial variant is left out. ``reference=True`` takes the lengths as MMSA does.

    Args:
        encoder: any text encoder.
        feature_dims: width of each non-text modality that is used.
        width: width d of the representations.
        rnn_features: width of each LSTM direction; None takes the modality's own width.
        num_heads: heads of the fusion transformer; divides ``width``.
        feedforward_features: width of its feed-forward block.
        fusion_dropout: its dropout rate.
        difference_weight: weight of the difference loss (beta).
        similarity_weight: weight of the similarity loss (alpha).
        reconstruction_weight: weight of the reconstruction loss (gamma).
        num_moments: highest moment that the similarity loss compares.
        reference: whether the first steps of audio and vision are read, as many as the text has
            tokens, as MMSA 2.2.1 does, whatever their own lengths.
        head: see :class:`MISAHead`.
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
        width: int = 128,
        rnn_features: int | None = None,
        num_heads: int = 2,
        feedforward_features: int = 2048,
        fusion_dropout: float = 0.1,
        difference_weight: float = 0.1,
        similarity_weight: float = 0.3,
        reconstruction_weight: float = 1.0,
        num_moments: int = 5,
        reference: bool = False,
        head: ComponentConfig | None = None,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        super().__init__(
            feature_dims, loss or {"type": "MSARegressionLoss", "kind": "mse"}, data_preprocessor
        )
        self.reference = reference
        self.num_moments = check_positive_int("num_moments", num_moments)
        if rnn_features is not None:
            check_positive_int("rnn_features", rnn_features)
        self.loss_weights = {
            "difference": _check_weight("difference_weight", difference_weight),
            "similarity": _check_weight("similarity_weight", similarity_weight),
            "reconstruction": _check_weight("reconstruction_weight", reconstruction_weight),
        }
        names = ("text", *self.feature_dims)
        self.sequence_encoders = BiLSTMEncoders(
            {name: BiLSTMEncoder(dim, rnn_features) for name, dim in self.feature_dims.items()}
        )
        self.fusion = _fusion(width, num_heads, feedforward_features, fusion_dropout)
        self.private = nn.ModuleDict({name: _subspace(width) for name in names})
        self.shared = _subspace(width)
        self.decoders = nn.ModuleDict(
            {name: nn.Linear(width, width) for name in names} if reconstruction_weight else {}
        )
        self.head = build_module(head, "MISAHead", in_features=2 * len(names) * width)
        # Last: every setting has been checked by now, and an encoder may take long to load.
        self.encoder = build_module(encoder)
        dims: dict[str, Any] = {"text": self.encoder.hidden_size} | {
            name: module.out_features for name, module in self.sequence_encoders.items()
        }
        self.projections = nn.ModuleDict({name: _projection(dims[name], width) for name in names})

    def extract(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Encode each modality as one vector, (B, d) by name."""
        sequences = {}
        for name in self.feature_dims:
            mask = _first_steps(inputs, name) if self.reference else inputs[f"{name}_mask"]
            sequences[name] = MaskedSequence(inputs[name], mask)
        utterances = {"text": self.encoder(inputs).pool("mean")}
        utterances |= self.sequence_encoders(sequences)
        return {name: self.projections[name](value) for name, value in utterances.items()}

    def fuse(
        self, inputs: dict[str, Tensor], features: dict[str, Tensor], outputs: Collection[str]
    ) -> Fused:
        """Split into subspaces and let the 2 x modalities vectors attend to each other."""
        private = {name: self.private[name](value) for name, value in features.items()}
        mapped = self.shared(torch.stack(list(features.values())))  # (M, B, d), in one product
        shared = dict(zip(features, mapped, strict=True))
        vectors = torch.stack((*private.values(), *shared.values()), dim=1)  # (B, 2 M, d)
        named: dict[str, Any] = {"projected": features, "private": private, "shared": shared}
        if "modality_features" in outputs:
            named["modality_features"] = {
                name: torch.cat((private[name], shared[name]), dim=-1) for name in features
            }  # (B, 2 d) each, private first
        return Fused(self.fusion(vectors).flatten(1), named)

    def auxiliary_losses(self, fused: Fused) -> dict[str, Tensor]:
        """Weighted difference, similarity and reconstruction; a loss of weight 0 is left out."""
        private, shared, projected = (
            fused.intermediates[name] for name in ("private", "shared", "projected")
        )
        losses = {
            "difference": lambda: difference_loss(private, shared),
            "similarity": lambda: similarity_loss(shared, self.num_moments),
            "reconstruction": lambda: reconstruction_loss(
                {
                    name: decoder(private[name] + shared[name])
                    for name, decoder in self.decoders.items()
                },
                projected,
            ),
        }
        return {
            f"loss_{name}": weight * losses[name]()
            for name, weight in self.loss_weights.items()
            if weight
        }


@MODELS.register_module()
class MISAHead(nn.Module):
    """Two linear layers, (B, D) -> (B, n_out); dropout before the ReLU, as in the authors' code.

    Args:
        in_features: width D of the utterance's vector.
        hidden_features: width of the hidden layer; None takes half of D.
        out_features: number of scores, n_out.
        dropout: rate on the hidden layer.
    """

    parameter_group = "head"
    supplied = ("in_features",)

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int = 1,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        hidden = max(1, in_features // 2) if hidden_features is None else hidden_features
        check_positive_int("hidden_features", hidden)
        check_positive_int("out_features", out_features)
        self.layers = nn.Sequential(
            nn.Linear(in_features, hidden),
            nn.Dropout(check_fraction("dropout", dropout)),
            nn.ReLU(),
            nn.Linear(hidden, out_features),
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, D) -> (B, n_out)."""
        return self.layers(pooled)


def _first_steps(inputs: dict[str, Tensor], name: str) -> Tensor:
    """Mask (B, T) of as many steps of modality ``name`` as the text has tokens."""
    lengths, steps = inputs["attention_mask"].sum(1), inputs[name].shape[1]
    if int(lengths.max()) > steps:
        raise ValueError(
            f"model.reference=True reads as many steps of {name} as the text has tokens, "
            f"{int(lengths.max())}, but the batch has {steps}: pad the batches to a fixed length "
            "(collate_fn=dict(type='msa_collate', pad_to=…)), or set model.reference=False"
        )
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def _projection(in_features: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(in_features, width), nn.ReLU(), nn.LayerNorm(width))


def _subspace(width: int) -> nn.Sequential:
    # The sigmoid bounds the representations to [0, 1], as the similarity loss presumes.
    return nn.Sequential(nn.Linear(width, width), nn.Sigmoid())


def _fusion(width: int, num_heads: int, feedforward_features: int, dropout: float) -> nn.Module:
    check_positive_int("width", width)
    check_heads(num_heads, width)
    check_positive_int("feedforward_features", feedforward_features)
    check_fraction("fusion_dropout", dropout)
    return nn.TransformerEncoderLayer(
        width, num_heads, feedforward_features, dropout, batch_first=True
    )


def _check_weight(key: str, value: Any) -> float:
    if not is_number(value) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{key} must be a finite number >= 0, got {value!r}")
    return float(value)
