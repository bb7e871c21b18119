"""A transformer over text features, for models that fuse inside the layers of their encoder."""

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_fraction, check_heads, check_positive_int
from pgf_plugin.models.encoders.hf_text import AfterEmbeddings, AfterLayer
from pgf_plugin.models.encoders.precomputed import PrecomputedTextEncoder
from pgf_plugin.models.encoders.sequence import zero_padding
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


@MODELS.register_module()
class FeatureTransformerEncoder(PrecomputedTextEncoder):
    """A small trainable transformer whose layers fusion blocks can follow, as an encoder's.

    For those who have text features alone: PGF-Net and MMA then fuse inside it. Its layers are
    pre-norm, Xiong et al., arXiv 2002.04745, those of ``torch.nn.TransformerEncoderLayer``. It adds
    no positions, because features of a language model know theirs.

    Args:
        in_features: width D_t of the text features.
        width: width D of the layers, to which the features are projected.
        num_layers: number of layers.
        num_heads: attention heads; divides ``width``.
        feedforward_features: width of the feed-forward blocks; None for four times ``width``.
        dropout: rate of every dropout.

    Attributes:
        hidden_size: the width D.
        num_layers: number of layers.
    """

    def __init__(
        self,
        in_features: int,
        width: int = 128,
        num_layers: int = 4,
        num_heads: int = 4,
        feedforward_features: int | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(in_features)
        self.hidden_size = check_positive_int("width", width)
        self.num_layers = check_positive_int("num_layers", num_layers)
        check_heads(num_heads, width)
        wide = 4 * width if feedforward_features is None else feedforward_features
        check_positive_int("feedforward_features", wide)
        self.project = nn.Linear(in_features, width)
        self.dropout = nn.Dropout(check_fraction("dropout", dropout))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, num_heads, wide, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        inputs: dict[str, Tensor],
        after_layer: AfterLayer | None = None,
        start_layer: int = 0,
        after_embeddings: AfterEmbeddings | None = None,
    ) -> MaskedSequence:
        """Encode ``text`` (B, L, D_t), as :meth:`HFTextEncoder.forward` encodes tokens.

        Raises:
            ValueError: if the batch has no text features, or of another width.
        """
        given = super().forward(inputs)
        mask = given.mask
        # A text without a step would have no key; what comes of its padding is read by no one.
        padded = torch.where(mask.any(dim=1, keepdim=True), ~mask, False)  # (B, L)
        hidden = self.dropout(self.project(zero_padding(given)))  # (B, L, D)
        if after_embeddings is not None:
            hidden = after_embeddings(hidden)
        for number, layer in enumerate(self.layers):
            hidden = layer(hidden, src_key_padding_mask=padded)
            if after_layer is not None and number >= start_layer:
                hidden = after_layer(number, hidden)
        return MaskedSequence(self.norm(hidden), mask)
