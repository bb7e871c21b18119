"""Blocks behind the layers of a model, by forward hooks that act in calls of a wrapper alone."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling

from pgf_plugin.models.encoders.hf_text import intercept
from pgf_plugin.structures import MaskedSequence

PATIENCE = 32
"""Calls in training after which it is no chance any more that a layer was never reached.

LayerDrop at a rate of 0.5 leaves a layer out as often in a row once in four billion trainings.
"""

_COMPILED = 0
"""In the place of the thread, for which torch's compiler cannot ask."""

_CHECKPOINTING = (
    "Checkpoint what is inside the layers, as activation_checkpointing_enable() of transformers "
    "5.23 does, not the layers from outside"
)


@dataclass
class _Call:
    """What the blocks need and leave in one call of the wrapper."""

    bank: MaskedSequence | None
    outputs: Collection[str]
    learns: bool
    collected: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))
    reached: set[int] = field(default_factory=set)
    reached_with_gradients: set[int] = field(default_factory=set)


class LayerHooks:
    """Lets each chosen layer hand on what its block makes of its states, inside :meth:`acting`.

    Nothing of a call is kept after it: the bank would stay in memory, and after two calls nothing
    says which of the banks is meant. So a layer cannot be computed again in the backward pass, as
    activation checkpointing around it does; that is refused.

    Args:
        model: the model, which gets a hook a layer.
        names: names of the layers in it.
        blocks: one a layer.
        hidden_size: width D of the layers; None where there is none.
    """

    def __init__(
        self,
        model: nn.Module,
        names: Sequence[str],
        blocks: nn.ModuleList,
        hidden_size: int | None,
    ) -> None:
        self.called = type(model).__name__
        self.names = list(names)
        self.blocks = blocks
        self.hidden_size = hidden_size
        self._calls: dict[int, _Call] = {}  # by thread
        self._never_reached = set(range(len(names)))
        self._trainings = 0
        for number, name in enumerate(names):
            # No closure: copies and pickles of the model have hooks of their own.
            model.get_submodule(name).register_forward_hook(partial(self._after_layer, number))

    @contextmanager
    def acting(
        self, bank: MaskedSequence | None, outputs: Collection[str], training: bool
    ) -> Iterator[dict[str, list[Tensor]]]:
        """Inside, the blocks follow their layers; yields their outputs by name, one a layer.

        Args:
            bank: values (B, T, D_m), mask (B, T); None for blocks without.
            outputs: what to collect.
            training: whether the model is called in training mode.

        Raises:
            ValueError: for states that no block can take; in training, for a layer that ran without
                gradients alone, or that none of the first ``PATIENCE`` calls reached.
        """
        call = _Call(bank, outputs, training and torch.is_grad_enabled())
        thread = _COMPILED if is_compiling() else get_ident()
        outer, self._calls[thread] = self._calls.get(thread), call
        try:
            yield call.collected
        finally:
            if outer is None:
                del self._calls[thread]
            else:
                self._calls[thread] = outer
        if call.learns:
            self._check_gradients(call)
            self._check_reached()

    def _after_layer(self, number: int, layer: nn.Module, args: tuple, output: Any) -> Any:
        if (call := self._running()) is not None:
            return intercept(number, partial(self._refine, call))(layer, args, output)
        # Outside of the wrapper's calls the model is what it was. torch's own checkpointing asks
        # in this way, too, whether a backward pass is going on.
        if torch._C._current_graph_task_id() != -1:
            raise ValueError(
                f"layers: {self.names[number]!r} of {self.called} is computed again in the "
                f"backward pass, where its block is not known. {_CHECKPOINTING}"
            )
        return output

    def _running(self) -> _Call | None:
        """The wrapper's call that this thread is in; in compiled code, the only one."""
        if is_compiling():
            return next(iter(self._calls.values()), None)
        return self._calls.get(get_ident()) or self._calls.get(_COMPILED)

    def _refine(self, call: _Call, number: int, hidden: Any) -> Tensor:
        self._never_reached.discard(number)
        call.reached.add(number)
        if torch.is_grad_enabled():
            call.reached_with_gradients.add(number)
        self._check_states(number, hidden, call.bank)
        refined, asked = self.blocks[number](hidden, call.bank, call.outputs)
        for key, value in asked.items():
            call.collected[key].append(value)
        if call.bank is None:
            return refined
        has_key = call.bank.mask.any(dim=1)[:, None, None]  # (B, 1, 1)
        return torch.where(has_key, refined, hidden)

    def _check_states(self, number: int, hidden: Any, bank: MaskedSequence | None) -> None:
        name = self.names[number]
        shape = tuple(hidden.shape) if isinstance(hidden, Tensor) else ()
        if len(shape) != 3 or shape[-1] != self.hidden_size:
            got = f"a tensor of shape {shape}" if shape else type(hidden).__name__
            raise ValueError(
                f"layers: {name!r} of {self.called} returns {got}, and a block takes states "
                f"(B, L, {self.hidden_size}), or a tuple that begins with them. Choose other "
                "layers, or set hidden_size to their width"
            )
        if bank is not None and len(bank.mask) != shape[0]:
            raise ValueError(
                f"layers: {name!r} returns states of {shape[0]} samples, and the bank has "
                f"{len(bank.mask)}: choose layers that keep (B, L, D)"
            )

    def _check_gradients(self, call: _Call) -> None:
        """Refuse layers whose blocks cannot learn; a second run of a layer may be without."""
        for number in sorted(call.reached - call.reached_with_gradients):
            if any(parameter.requires_grad for parameter in self.blocks[number].parameters()):
                raise ValueError(
                    f"layers: {self.names[number]!r} of {self.called} runs without gradients in "
                    "training, so that its block would not learn: the model runs it under "
                    f"torch.no_grad(), or checkpoints it with use_reentrant=True. {_CHECKPOINTING}"
                )

    def _check_reached(self) -> None:
        """Refuse layers that are never called, once it cannot be chance."""
        if not self._never_reached:
            return
        self._trainings += 1
        if self._trainings >= PATIENCE:
            names = [self.names[number] for number in sorted(self._never_reached)]
            raise ValueError(
                f"layers: none of {self._trainings} calls in training reached "
                f"{', '.join(map(repr, names))} of {self.called}, so that no block acts there. "
                "Choose layers that the model calls"
            )
