"""Text features that were computed before training."""

from torch import Tensor, nn

from pgf_plugin.errors import check_positive_int
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


@MODELS.register_module()
class PrecomputedTextEncoder(nn.Module):
    """Passes ``inputs['text']`` on; takes the place of an encoder where only features exist.

    Args:
        in_features: width D_t of the text features.

    Attributes:
        hidden_size: the same width.
    """

    parameter_group = "encoder"
    supplied = ()

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.in_features = self.hidden_size = check_positive_int("in_features", in_features)

    def forward(self, inputs: dict[str, Tensor]) -> MaskedSequence:
        """``text`` (B, L, D_t) and ``attention_mask`` (B, L) -> the same as a sequence.

        Raises:
            ValueError: if the batch has no text features, or of another width.
        """
        if "text" not in inputs:
            raise ValueError(
                f"{type(self).__name__} needs 'text' features, the batch has {sorted(inputs)}: "
                "set text_features=True in the dataset, or use HFTextEncoder for tokens"
            )
        got = inputs["text"].shape[-1]
        if got != self.in_features:
            raise ValueError(
                f"model.encoder.in_features is {self.in_features}, but the data have {got} text "
                f"features a token: set model.encoder.in_features={got}"
            )
        return MaskedSequence(inputs["text"], inputs["attention_mask"].bool())
