"""MMSA's MISA."""

import torch
from torch import Tensor

from pgf_plugin.interop.mmsa.conversion import BERT_UNTRAINED, Conversion

_LETTERS = {"t": "text", "a": "audio", "v": "vision"}
_HEAD = "head.layers.0.weight"


def _reorder(tensors: dict[str, Tensor]) -> None:
    """MMSA fuses text, vision, audio; here the order is text, audio, vision."""
    parts = tensors[_HEAD].chunk(6, dim=1)
    tensors[_HEAD] = torch.cat([parts[place] for place in (0, 2, 1, 3, 5, 4)], dim=1)


def _sequence_encoder(letter: str, name: str) -> dict[str, str]:
    place = f"sequence_encoders.{name}"
    return {
        f"{letter}rnn1.": f"{place}.first.",
        f"{letter}rnn2.": f"{place}.second.",
        f"{letter}layer_norm.": f"{place}.norm.",
    }


MISA = Conversion(
    model="MISA",
    config="misa/misa_mmsa_mosi_unaligned.py",
    bert="bertmodel",
    reads="sequence_encoders.{}.first.weight_ih_l0",
    prefixes={
        **_sequence_encoder("a", "audio"),
        **_sequence_encoder("v", "vision"),
        **{f"project_{x}.project_{x}.": f"projections.{n}.0." for x, n in _LETTERS.items()},
        **{
            f"project_{x}.project_{x}_layer_norm.": f"projections.{n}.2."
            for x, n in _LETTERS.items()
        },
        **{
            f"private_{x}.private_{x}_{3 if x == 'a' else 1}.": f"private.{n}.0."
            for x, n in _LETTERS.items()
        },
        "shared.shared_1.": "shared.0.",
        **{f"recon_{x}.recon_{x}_1.": f"decoders.{n}." for x, n in _LETTERS.items()},
        "fusion.fusion_layer_1.": "head.layers.0.",
        "fusion.fusion_layer_3.": "head.layers.3.",
        "transformer_encoder.layers.0.": "fusion.",
    },
    # Their outputs enter no loss, or, of the LayerNorm of the text, nothing at all.
    dropped=(r"sp_discriminator\..*", r"tlayer_norm\..*", *BERT_UNTRAINED),
    reshape=_reorder,
)
