"""Floating-point operations of a forward pass, counted right on a CPU, too."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pgf_plugin.models.fusions.ragged_attention import without_ragged_attention
from pgf_plugin.profiling.batch import Batch
from pgf_plugin.profiling.components import spending


def count_flops(model: nn.Module, inputs: Batch) -> dict[str, int]:
    """Count the operations of one forward pass, by component.

    Two a multiply-add, in matrix products, convolutions, recurrent layers and attention; biases,
    activations, norms and everything else that is element-wise are not counted. Attention counts
    all pairs of a query and a key, also those that a mask hides, whichever way the model computes
    it; small LSTMs that share a recurrence count the zeros between their weights.

    Args:
        model: on the CPU, in eval mode.
        inputs: a batch.

    Returns:
        operations by the name of a component.
    """
    with (
        torch.no_grad(),
        _everything_is_counted() as counter,
        spending(model, counter.get_total_flops) as spent,
    ):
        model(inputs)
    return {name: int(operations) for name, operations in spent.items()}


@contextmanager
def _everything_is_counted() -> Iterator[FlopCounterMode]:
    """A counter, with those ways of computing switched off that it cannot see into.

    torch counts nothing for attention on a CPU, nor for a transformer layer or an LSTM in one call.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    formulas: dict[Any, Any] = {torch.ops.aten.mkldnn_rnn_layer: _recurrent_flops}
    counter = FlopCounterMode(display=False, custom_mapping=formulas)
    try:
        with without_ragged_attention(), sdpa_kernel(SDPBackend.MATH), counter:
            yield counter
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _recurrent_flops(
    steps: torch.Size, input_weight: torch.Size, hidden_weight: torch.Size, *_: Any, **__: Any
) -> int:
    """Of one direction of one LSTM layer: steps (T, B, D), weights (4 H, D) and (4 H, H)."""
    return 2 * prod(steps[:-1]) * (prod(input_weight) + prod(hidden_weight))
