"""Cross-attention without parameters of its own."""

from torch import Tensor, nn

from pgf_plugin.models.fusions.attention import attention_weights, masked_attention
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


@MODELS.register_module()
class PGFParameterFreeAttention(nn.Module):
    r"""Lets every text position look at the bank as it is.

    .. math:: C = \mathrm{softmax}(T M^\top / \sqrt D)\, M

    The bank has to be as wide as the text. It is what is mixed in, so it should start small
    (``init_gain`` of :class:`PGFBank`): a bank of the size of T disturbs an untrained encoder.

    Paper: MMA (Mixture of Multimodal Adapters, NAACL 2025), whose adapters follow the same
    attention.

    Args:
        hidden_size: width D of the text.
        bank_width: width of the bank.

    Raises:
        ValueError: if the widths differ.
    """

    supplied = ("hidden_size", "bank_width")

    def __init__(self, hidden_size: int, bank_width: int) -> None:
        super().__init__()
        if bank_width != hidden_size:
            raise ValueError(
                "the bank of PGFParameterFreeAttention must be as wide as the text: got "
                f"model.bank.width={bank_width} for an encoder of width {hidden_size}. Set "
                f"model.bank.width={hidden_size}, or leave it out with model.preset='paramfree'"
            )

    def forward(
        self, hidden: Tensor, bank: MaskedSequence, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Args:
            hidden: (B, L, D).
            bank: values (B, T, D), mask (B, T).
            need_weights: also return the weights.

        Returns:
            (B, L, D), and the weights (B, 1, L, T) or None.
        """
        query, key = hidden.unsqueeze(1), bank.values.to(hidden).unsqueeze(1)  # one head
        mixed = masked_attention(query, key, key, bank.mask).squeeze(1)
        return mixed, attention_weights(query, key, bank.mask) if need_weights else None
