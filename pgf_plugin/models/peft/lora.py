"""LoRA in the projections of a frozen encoder, through peft."""

import re
from collections.abc import Sequence

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from pgf_plugin.models.encoders.layer_stack import LayerStack


def inject_lora(
    encoder: nn.Module,
    stack: LayerStack,
    *,
    rank: int,
    alpha: float,
    dropout: float,
    targets: Sequence[str],
    start_layer: int = 0,
) -> None:
    """Freeze ``encoder`` and put trainable LoRA pairs beside its projections.

    LoRA: Hu et al., arXiv 2106.09685; W + (alpha / rank) B A, with B zero at the start.

    Args:
        encoder: the encoder, changed in place.
        stack: where its layers are.
        rank: rank of the update.
        alpha: scale of the update, before the division by ``rank``.
        dropout: dropout on the input of the update.
        targets: roles of :class:`LayerStack`, such as ``('query', 'value')``.
        start_layer: first layer that gets LoRA.
    """
    layers = range(start_layer, len(stack.layers(encoder)))
    # A full expression: peft matches plain names by their ending, which also finds the
    # projections of other attention modules.
    names = "|".join(re.escape(stack.projections[role]) for role in targets)
    numbers = "|".join(map(str, layers))
    inject_lora_at(
        encoder, rf"{re.escape(stack.path)}\.({numbers})\.({names})", rank, alpha, dropout
    )


def inject_lora_at(
    module: nn.Module, expression: str, rank: int, alpha: float, dropout: float
) -> None:
    """Freeze ``module`` and put LoRA beside each part whose whole name ``expression`` matches."""
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # peft divides; a float is as good
        lora_dropout=dropout,
        target_modules=expression,
    )
    on_meta = next(module.parameters()).is_meta
    with torch.device("meta" if on_meta else "cpu"):
        inject_adapter_in_model(config, module, low_cpu_mem_usage=on_meta)
