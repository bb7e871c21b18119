"""Reaching into a model that is being trained, and leaving no trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from mmengine.model import BaseModel, is_model_wrapper
from torch import nn


def unwrap(model: nn.Module) -> BaseModel:
    """Return the model itself where it is wrapped for distributed training."""
    return cast(BaseModel, model.module if is_model_wrapper(model) else model)


def fused_layers(model: nn.Module, count: int) -> list[str]:
    """What the ``count`` fused layers of a model are called: their names, else their numbers."""
    names = getattr(model, "layer_names", None) or ()
    first = getattr(model, "start_fusion_layer", 0)
    return list(names) if len(names) == count else [str(first + each) for each in range(count)]


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Run a model in eval mode and without gradients; its modes and torch's random state return."""
    modes = [(module, module.training) for module in model.modules()]
    cuda = sorted({p.device.index for p in model.parameters() if p.device.type == "cuda"})
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=cuda):
            yield
    finally:
        # Module by module: a model may keep parts of itself in eval mode while it trains.
        for module, mode in modes:
            module.training = mode
