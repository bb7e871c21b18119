"""Models without weights: every constructor runs, nothing is read and nothing is allocated."""

from typing import Any

import torch
from torch import nn

from pgf_plugin.models.encoders.hf_text import without_pretrained_weights
from pgf_plugin.registry import MODELS


def build_on_meta(model: dict[str, Any]) -> nn.Module:
    """Build a model config on the meta device, offline.

    Args:
        model: config of the model.

    Raises:
        ValueError: from a constructor, for a value that is not allowed.
    """
    with torch.device("meta"), without_pretrained_weights():
        return MODELS.build(model)
