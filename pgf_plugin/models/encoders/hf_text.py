"""Any Hugging Face encoder as the text side of a model, frozen, with or without LoRA."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import get_ident
from typing import Any

from torch import Tensor, nn
from torch.compiler import is_compiling
from transformers import AutoModel

from pgf_plugin.errors import (
    ConfigError,
    check_fraction,
    check_one_of,
    check_positive,
    check_positive_int,
)
from pgf_plugin.models.encoders.frozen_states import build_frozen_states, check_frozen_below
from pgf_plugin.models.encoders.hf_build import build_hf, weights_are_skipped
from pgf_plugin.models.encoders.layer_stack import ROLES, find_layer_stack
from pgf_plugin.models.encoders.trained_state import TrainedStateModule
from pgf_plugin.models.peft.lora import inject_lora
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence

AfterLayer = Callable[[int, Tensor], Tensor]
"""Maps the number of a layer and its output (B, L, D) to what the next layer receives."""

AfterEmbeddings = Callable[[Tensor], Tensor]
"""Maps the embeddings (B, L, D) to what the first layer receives."""


@MODELS.register_module()
class HFTextEncoder(TrainedStateModule):
    """A pretrained text encoder, frozen, whose layers can be interleaved with fusion blocks.

    The stock layers are wrapped by forward hooks for the time of one call, never pasted. Frozen
    pretrained weights are not in its ``state_dict``, which says instead whose they are: see
    :class:`~pgf_plugin.models.encoders.trained_state.TrainedStateModule`.

    Args:
        pretrained: name of the encoder, as :func:`~pgf_plugin.pretrained.resolve_pretrained`
            takes it; None builds ``architecture`` with random weights, which then train.
        architecture: ``dict(model_type='bert', …)`` with arguments of the family's Hugging Face
            config. With ``pretrained`` it serves where weights are not read, so that parameters
            are counted offline.
        lora_rank: rank of LoRA; None for none.
        lora_alpha: scale of LoRA; ``lora_rank`` where it is None.
        lora_dropout: dropout before LoRA.
        lora_targets: projections that get LoRA, of 'query', 'key', 'value' and 'output' of the
            attention, 'up' and 'down' of the feed-forward network.
        lora_start_layer: first layer that gets LoRA.
        freeze: whether the encoder's own weights are frozen; None freezes pretrained weights.
        dropout: replaces every dropout rate of the encoder; None keeps them.
        cache_frozen: whether the layers below both LoRA and the first fusion run once an
            utterance, whose states are then read from a file:
            ``dict(folder=None, max_bytes=2 << 30, dtype='float32')``, or True for these defaults;
            see :class:`~pgf_plugin.models.encoders.frozen_states.FrozenStates`. In training, too,
            these layers are then without dropout.

    Attributes:
        hidden_size: width D of the hidden states.
        num_layers: number of layers.
    """

    parameter_group = "encoder"

    def __init__(
        self,
        pretrained: str | None = None,
        architecture: dict[str, Any] | None = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        lora_dropout: float = 0.1,
        lora_targets: Sequence[str] = ("query", "value"),
        lora_start_layer: int = 0,
        freeze: bool | None = None,
        dropout: float | None = None,
        cache_frozen: dict[str, Any] | bool = False,
    ) -> None:
        freeze = pretrained is not None if freeze is None else freeze
        has_weights = pretrained is not None and not weights_are_skipped()
        super().__init__(pretrained, frozen=freeze and has_weights)
        _check_lora(lora_rank, lora_alpha, lora_dropout, lora_targets, lora_start_layer)
        self.encoder = _without_pooler(build_hf(AutoModel, pretrained, architecture))
        self.stack = find_layer_stack(self.encoder)
        self.max_tokens = _max_tokens(self.encoder)
        self.hidden_size: int = self.encoder.config.hidden_size
        self.num_layers: int = len(self.stack.layers(self.encoder))
        if dropout is not None:
            _set_dropout(self.encoder, check_fraction("dropout", dropout))
        if lora_rank is not None:
            if lora_start_layer >= self.num_layers:
                raise ValueError(
                    f"lora_start_layer must be below the encoder's {self.num_layers} layers, got "
                    f"{lora_start_layer}"
                )
            inject_lora(
                self.encoder,
                self.stack,
                rank=lora_rank,
                alpha=lora_rank if lora_alpha is None else lora_alpha,
                dropout=lora_dropout,
                targets=lora_targets,
                start_layer=lora_start_layer,
            )
        for name, parameter in self.encoder.named_parameters():
            if "lora_" not in name:
                parameter.requires_grad_(not freeze)
        self.first_trained = self.num_layers if lora_rank is None else lora_start_layer
        frozen_states = build_frozen_states(cache_frozen, freeze, self.first_trained)
        self.caches_frozen = frozen_states is not None
        # Random weights in place of pretrained ones are there to be counted and timed.
        self.frozen_states = None if weights_are_skipped() else frozen_states
        self.train()  # as every module starts; from_pretrained and peft leave parts in eval mode

    def forward(
        self,
        inputs: dict[str, Tensor],
        after_layer: AfterLayer | None = None,
        start_layer: int = 0,
        after_embeddings: AfterEmbeddings | None = None,
    ) -> MaskedSequence:
        """Encode a batch of tokens.

        Args:
            inputs: ``input_ids`` and ``attention_mask``, (B, L) int64.
            after_layer: called after each layer from ``start_layer`` on; what it returns goes to
                the next layer.
            start_layer: first layer after which ``after_layer`` is called.
            after_embeddings: called before the first layer; what it returns goes there.

        Returns:
            values (B, L, D), mask (B, L).

        Raises:
            ValueError: if the batch has no tokens.
            ConfigError: if a text has more than the encoder has positions.
        """
        if "input_ids" not in inputs:
            raise ValueError(
                f"HFTextEncoder needs 'input_ids', the batch has {sorted(inputs)}: set the "
                "dataset's tokenizer to the encoder's name, or use PrecomputedTextEncoder for "
                "precomputed text features"
            )
        mask = inputs["attention_mask"]
        if self.max_tokens is not None and mask.shape[1] > self.max_tokens:
            raise ConfigError(
                f"a text has {mask.shape[1]} tokens, but the encoder has positions for "
                f"{self.max_tokens}: set max_tokens={self.max_tokens} or less in the datasets"
            )
        with ExitStack() as hooks:
            depth = self._frozen_depth(after_layer, start_layer, after_embeddings)
            if self.frozen_states is not None and depth:
                states = self.frozen_states.look_up(self, self.stack, inputs, depth)
                if depth == self.num_layers:
                    return MaskedSequence(states, mask.bool())
                hooks.enter_context(self.stack.entered(self.encoder, depth, states))
            if after_embeddings is not None:
                hook = in_this_thread(lambda module, args, output: after_embeddings(output))
                handle = self.stack.embeddings(self.encoder).register_forward_hook(hook)
                hooks.callback(handle.remove)
            if after_layer is not None:
                for number, layer in enumerate(self.stack.layers(self.encoder)):
                    if number >= start_layer:
                        hook = in_this_thread(intercept(number, after_layer))
                        hooks.callback(layer.register_forward_hook(hook).remove)
            output = self.encoder(input_ids=inputs["input_ids"], attention_mask=mask)
        return MaskedSequence(output.last_hidden_state, mask.bool())

    def check_first_fusion(self, start_layer: int) -> None:
        """Refuse, with ``cache_frozen``, to fuse first where some layer below is not frozen.

        Raises:
            ConfigError: naming the keys.
        """
        if self.caches_frozen:
            check_frozen_below(start_layer, self.first_trained)

    def check_nothing_cached(self) -> None:
        """Refuse, with ``cache_frozen``, to change what the first layer receives.

        Raises:
            ConfigError: naming the key.
        """
        if self.caches_frozen:
            raise ConfigError(
                "encoder.cache_frozen keeps what frozen layers make of the tokens alone, but this "
                "model changes what they receive: leave cache_frozen out"
            )

    def cached_modules(self) -> set[nn.Module]:
        """The parts that ``cache_frozen`` runs once an utterance, empty without it."""
        if not self.caches_frozen:
            return set()
        run = self.stack.layers(self.encoder)[self.first_trained :].modules()
        return set(self.encoder.modules()) - set(run)

    def _frozen_depth(
        self,
        after_layer: AfterLayer | None,
        start_layer: int,
        after_embeddings: AfterEmbeddings | None,
    ) -> int:
        """How many of the first layers need not run in this call."""
        if self.frozen_states is None or not self.frozen_states.usable(self):
            return 0
        if after_embeddings is not None:
            self.check_nothing_cached()
        return min(self.first_trained, self.num_layers if after_layer is None else start_layer)


def _max_tokens(encoder: nn.Module) -> int | None:
    """The longest text for which there are positions, in tokens; None where they are relative."""
    table = getattr(encoder.get_submodule("embeddings"), "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return None
    # RoBERTa and its kin count positions from behind that of the padding.
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)


def _check_lora(
    rank: int | None, alpha: float | None, dropout: float, targets: Sequence[str], start_layer: int
) -> None:
    if rank is not None:
        check_positive_int("lora_rank", rank)
    if alpha is not None:
        check_positive("lora_alpha", alpha)
    check_fraction("lora_dropout", dropout)
    if isinstance(targets, str) or not targets:
        raise ValueError(
            f"lora_targets must be a list with at least one of {', '.join(map(repr, ROLES))}, got "
            f"{targets!r}"
        )
    for role in targets:
        check_one_of("lora_targets", role, ROLES)
    check_positive_int("lora_start_layer", start_layer, at_least=0)


def intercept(number: int, after_layer: AfterLayer) -> Callable:
    """A forward hook that replaces the states that layer ``number`` hands on."""

    def hook(module: nn.Module, args: tuple, output: Any) -> Any:
        if isinstance(output, tuple):  # MPNet and DeBERTa return the states first in a tuple
            return (after_layer(number, output[0]), *output[1:])
        return after_layer(number, output)

    return hook


def in_this_thread(hook: Callable) -> Callable:
    """A forward hook that acts on calls of this thread alone: others may run the encoder, too.

    In compiled code it acts on all calls: torch's compiler cannot ask for the thread.
    """
    thread = None if is_compiling() else get_ident()

    def guarded(*call: Any) -> Any:
        here = thread is None or is_compiling() or get_ident() == thread
        return hook(*call) if here else None

    return guarded


def _without_pooler(encoder: Any) -> Any:
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # nothing here reads it
    return encoder


def _set_dropout(encoder: nn.Module, rate: float) -> None:
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = rate
