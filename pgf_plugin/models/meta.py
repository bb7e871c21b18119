"""Models without weights: every constructor runs, nothing is read and nothing is allocated."""

import re
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from pgf_plugin.models.encoders.hf_build import without_pretrained_weights
from pgf_plugin.registry import MODELS

_OF_META = re.compile(
    r"\bmeta['\"]? (tensor|device|backend)|\bdevices?\b.*\bmeta\b(?!-)", re.I | re.S
)
"""How torch and transformers say that a tensor has no values, or a device no memory."""


def build_on_meta(model: dict[str, Any]) -> nn.Module:
    """Build a model config on the meta device, offline.

    Args:
        model: config of the model.

    Raises:
        ValueError: from a constructor, for a value that is not allowed.
    """
    with torch.device("meta"), without_pretrained_weights():
        return MODELS.build(model)


def is_of_meta(message: str) -> bool:
    """Whether an error comes from the meta device, and says nothing of the config."""
    return _OF_META.search(message) is not None


def build_to_count(model: dict[str, Any]) -> nn.Module:
    """Build a model config on the meta device, or on the CPU if it reads values of its tensors.

    Args:
        model: config of the model.

    Raises:
        ValueError: from a constructor, for a value that is not allowed.
    """
    try:
        return build_on_meta(deepcopy(model))
    except (TypeError, RuntimeError) as error:
        if not is_of_meta(str(error)):
            raise
    with without_pretrained_weights():
        return MODELS.build(model)
