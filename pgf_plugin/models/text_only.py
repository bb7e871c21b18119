"""The floor of every comparison: the same encoder and head, without fusion."""

from collections.abc import Collection, Mapping

from torch import Tensor

from pgf_plugin.errors import check_one_of
from pgf_plugin.models.base import Fused, MSAModel, check_feature_dims
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import POOLINGS, MaskedSequence


@MODELS.register_module()
class TextOnlyNet(MSAModel):
    """Encoder, pooling, head.

    Args:
        encoder: any text encoder.
        feature_dims: accepted, so that one config serves every model; not used.
        pooling: ``'cls'`` or ``'mean'``.
        head: see :class:`~pgf_plugin.models.heads.regression.MSARegressionHead`.
        loss: see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.
    """

    available_outputs = ("modality_features",)

    def __init__(
        self,
        encoder: ComponentConfig,
        feature_dims: Mapping[str, int] | None = None,
        pooling: str = "cls",
        head: ComponentConfig | None = None,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        check_feature_dims(feature_dims or {})
        super().__init__(None, loss, data_preprocessor)
        self.pooling = check_one_of("pooling", pooling, POOLINGS)
        self.encoder = build_module(encoder)
        self.head = build_module(head, "MSARegressionHead", in_features=self.encoder.hidden_size)

    def extract(self, inputs: dict[str, Tensor]) -> MaskedSequence:
        """Encode the text, (B, L, D)."""
        return self.encoder(inputs)

    def fuse(
        self, inputs: dict[str, Tensor], features: MaskedSequence, outputs: Collection[str]
    ) -> Fused:
        """Pool the text, (B, D)."""
        pooled = features.pool(self.pooling)
        return Fused(pooled, {"modality_features": {"text": pooled}})
