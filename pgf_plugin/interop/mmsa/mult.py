"""MMSA's MulT."""

import re

from torch import Tensor

from pgf_plugin.interop.mmsa.conversion import BERT_UNTRAINED, Conversion

_LETTERS = {"l": "text", "a": "audio", "v": "vision"}


def _projects_nothing(name: str, value: Tensor) -> bool:
    """MMSA does not project what has the right width already, but keeps the convolution."""
    return bool(re.fullmatch(r"proj_[lav]\.weight", name)) and value.shape[0] == value.shape[1]


MULT = Conversion(
    model="MulT",
    config="mult/mult_mmsa_mosi_unaligned.py",
    bert="text_model",
    reads="projections.{}.conv.weight",
    prefixes={
        **{f"proj_{x}.": f"projections.{name}.conv." for x, name in _LETTERS.items()},
        **{
            f"trans_{x}_with_{y}.": f"branches.{target}.streams.{source}."
            for x, target in _LETTERS.items()
            for y, source in _LETTERS.items()
            if x != y
        },
        **{f"trans_{x}_mem.": f"branches.{name}.memory." for x, name in _LETTERS.items()},
        **{"proj1.": "head.block.0.", "proj2.": "head.block.3.", "out_layer.": "head.out."},
    },
    parts={
        "self_attn.in_proj_": "in_proj.",
        "self_attn.out_proj.": "out_proj.",
        "fc1.": "feedforward.0.",
        "fc2.": "feedforward.3.",
        "layer_norms.0.": "attention_norm.",
        "layer_norms.1.": "feedforward_norm.",
        "layer_norm.": "norm.",
    },
    # A number that its transformers carry and nothing reads.
    dropped=(r"trans_\w+\.version", *BERT_UNTRAINED),
    unused=_projects_nothing,
    # Without `use_bert` there is no text encoder; what has the right width is not projected.
    optional=("text_model.model.", *(f"proj_{x}." for x in _LETTERS)),
)
