"""The presets of PGF-Net: sizes of LoRA, bank, blocks and head, by name.

A preset supplies what a config leaves out. What a config says wins, so that a preset and single
sizes can be combined: ``preset='lite'`` with ``encoder.lora_rank=16``.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pgf_plugin.errors import check_one_of
from pgf_plugin.registry import MODELS


class Preset(NamedTuple):
    """Sizes of PGF-Net.

    Attributes:
        lora_rank: rank of LoRA; its alpha is 32 whatever the rank, as Hu et al., arXiv 2106.09685,
            keep it.
        bank_width: width D_m of the bank; None for the width D of the text.
        attention: the cross-attention.
        gate_rank: rank of the gate; None for full width.
        bottleneck: bottleneck of the adapters.
        head_features: hidden width of the head.
        bank_gain: factor of the bank's projections at the start.
    """

    lora_rank: int
    bank_width: int | None
    attention: Mapping[str, Any]
    gate_rank: int | None
    bottleneck: int
    head_features: int
    bank_gain: float = 1.0

    def encoder(self) -> dict[str, Any]:
        """What the preset says of the text encoder."""
        return {"type": "HFTextEncoder", "lora_rank": self.lora_rank, "lora_alpha": 32}

    def bank(self, hidden_size: int) -> dict[str, Any]:
        """What it says of the bank, for a text of width ``hidden_size``."""
        width = self.bank_width or hidden_size
        return {"type": "PGFBank", "width": width, "init_gain": self.bank_gain}

    def block(self) -> dict[str, Any]:
        """What it says of the blocks."""
        return {
            "type": "PGFBlock",
            "cross_attention": dict(self.attention),
            "gate": {"type": "PGFGate", "rank": self.gate_rank},
            "adapter": {"type": "PGFAdapter", "bottleneck": self.bottleneck},
        }

    def head(self) -> dict[str, Any]:
        """What it says of the head."""
        return {"type": "MSARegressionHead", "hidden_features": self.head_features}


def _attention(width: int | None) -> dict[str, Any]:
    return {"type": "PGFCrossAttention", "attention_width": width}


PRESETS = {
    "3m": Preset(32, 64, _attention(16), 8, 64, 128),
    "full": Preset(32, None, _attention(None), None, 64, 128),
    # The bank itself is what is mixed in: it starts small, so that an untrained block is near T.
    "paramfree": Preset(32, None, {"type": "PGFParameterFreeAttention"}, 8, 64, 128, 0.05),
    "lite": Preset(8, 32, _attention(8), 4, 16, 64),
}
"""``'3m'``: the size of the paper, every mechanism learnable. ``'full'``: attention and gates of
full width, as the paper's equations have them. ``'paramfree'``: attention without parameters, as in
MMA. ``'lite'``: below a million trainable parameters on BERT-base."""


def preset_called(name: str | None) -> Preset | None:
    """The preset ``name``; None for None.

    Raises:
        ValueError: for a name that there is not, listing those that there are.
    """
    return None if name is None else PRESETS[check_one_of("preset", name, PRESETS)]


def fill_in(given: Any, default: Mapping[str, Any]) -> Any:
    """Add to the config of a part, and of the parts in it, what it leaves out.

    Args:
        given: config of the part; one without ``type`` has that of ``default``. What is no config,
            or of another type, is returned as it is.
        default: a config with ``type``.
    """
    if given is None:
        return dict(default)
    if not isinstance(given, Mapping) or not _same(given.get("type"), default["type"]):
        return given
    filled = {**default, **given}
    for name, value in default.items():
        if isinstance(value, Mapping) and name in given:
            filled[name] = fill_in(given[name], value)
    return filled


def _same(kind: Any, default: str) -> bool:
    """Whether a ``type``, a name or a class, is the component ``default``."""
    if kind is None:
        return True
    return (MODELS.get(kind) if isinstance(kind, str) else kind) is MODELS.get(default)
