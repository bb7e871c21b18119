"""torch's fast path for its own transformer layers, which passes by what was put into them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def has_fast_path(model: nn.Module) -> bool:
    """Whether a layer of ``model`` may be computed, in eval mode, from its weights alone.

    ``nn.TransformerEncoderLayer`` then calls none of its parts, LoRA in them included, and
    ``nn.TransformerEncoder`` gives its layers nested tensors, which no block takes.
    """
    kinds = nn.TransformerEncoderLayer | nn.TransformerEncoder
    return any(isinstance(module, kinds) for module in model.modules())


@contextmanager
def without_fast_path() -> Iterator[None]:
    """Inside, torch calls the parts of its transformer layers one by one, as in training."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
