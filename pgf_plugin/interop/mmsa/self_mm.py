"""MMSA's Self-MM."""

import torch
from torch import Tensor

from pgf_plugin.interop.mmsa.conversion import BERT_UNTRAINED, Conversion

_MODALITIES = {"audio": "audio", "video": "vision"}
_TASKS = {"fusion": "fusion", "text": "text", **_MODALITIES}


def _task(theirs: str, ours: str) -> dict[str, str]:
    head = "head" if ours == "fusion" else f"unimodal_heads.{ours}"
    return {
        f"post_{theirs}_layer_1.": f"representations.{ours}.1.",
        f"post_{theirs}_layer_2.": f"{head}.layers.0.",
        f"post_{theirs}_layer_3.": f"{head}.layers.2.",
    }


def _add_empty_bank(tensors: dict[str, Tensor]) -> None:
    """MMSA does not save the labels of single modalities: training begins with new ones."""
    for name in _TASKS.values():
        width = len(tensors[f"representations.{name}.1.bias"])
        tensors[f"bank.features_{name}"] = torch.zeros(0, width)
    tensors["bank.labels"] = torch.zeros(0, len(_TASKS))
    tensors["bank.visits"] = torch.zeros(0, dtype=torch.long)
    tensors["bank._extra_state"] = torch.tensor(list(b"[]"), dtype=torch.uint8)


SELF_MM = Conversion(
    model="SelfMM",
    config="self_mm/self_mm_mmsa_mosi_unaligned.py",
    bert="text_model",
    reads="sequence_encoders.{}.rnn.weight_ih_l0",
    prefixes={
        **{
            f"{theirs}_model.{part}.": f"sequence_encoders.{ours}.{here}."
            for theirs, ours in _MODALITIES.items()
            for part, here in {"rnn": "rnn", "linear_1": "linear"}.items()
        },
        **{k: v for theirs, ours in _TASKS.items() for k, v in _task(theirs, ours).items()},
    },
    dropped=BERT_UNTRAINED,
    reshape=_add_empty_bank,
)
