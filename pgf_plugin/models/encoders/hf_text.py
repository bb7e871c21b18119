"""Any Hugging Face encoder as the text side of a model, frozen, with or without LoRA."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import find_adapter_config_file

from pgf_plugin.errors import (
    ConfigError,
    MissingExtraError,
    check_fraction,
    check_one_of,
    check_positive,
    check_positive_int,
    misspelt,
)
from pgf_plugin.file_checks import check_archive
from pgf_plugin.models.encoders.frozen_states import build_frozen_states, check_frozen_below
from pgf_plugin.models.encoders.layer_stack import FAMILIES, ROLES, find_layer_stack
from pgf_plugin.models.encoders.trained_state import TrainedStateModule
from pgf_plugin.models.peft.lora import inject_lora
from pgf_plugin.pretrained import is_local, resolve_pretrained
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence

AfterLayer = Callable[[int, Tensor], Tensor]
"""Maps the number of a layer and its output (B, L, D) to what the next layer receives."""

AfterEmbeddings = Callable[[Tensor], Tensor]
"""Maps the embeddings (B, L, D) to what the first layer receives."""

_skip_weights: ContextVar[bool] = ContextVar("skip_weights", default=False)


@contextmanager
def without_pretrained_weights() -> Iterator[None]:
    """Inside, encoders are built from their architecture and no weight is read."""
    token = _skip_weights.set(True)
    try:
        yield
    finally:
        _skip_weights.reset(token)


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
        lora_targets: projections that get LoRA, of 'query', 'key', 'value', 'output'.
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
        has_weights = pretrained is not None and not _skip_weights.get()
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
        self.frozen_states = None if _skip_weights.get() else frozen_states
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
                handle = self.stack.embeddings(self.encoder).register_forward_hook(
                    lambda module, args, output: after_embeddings(output)
                )
                hooks.callback(handle.remove)
            if after_layer is not None:
                for number, layer in enumerate(self.stack.layers(self.encoder)):
                    if number >= start_layer:
                        handle = layer.register_forward_hook(intercept(number, after_layer))
                        hooks.callback(handle.remove)
            output = self.encoder(input_ids=inputs["input_ids"], attention_mask=mask)
        return MaskedSequence(output.last_hidden_state, mask.bool())

    def check_first_fusion(self, start_layer: int) -> None:
        """Refuse, with ``cache_frozen``, to fuse first where some layer below is not frozen.

        Raises:
            ConfigError: naming the keys.
        """
        if self.caches_frozen:
            check_frozen_below(start_layer, self.first_trained)

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
            raise ConfigError(
                "encoder.cache_frozen keeps what frozen layers make of the tokens alone, but this "
                "model changes what they receive: leave cache_frozen out"
            )
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


def build_hf(
    auto_class: Any, pretrained: str | None, architecture: dict[str, Any] | None, **settings: Any
) -> PreTrainedModel:
    """Build a Hugging Face model from its weights, or from its architecture alone.

    Args:
        auto_class: what builds it, such as ``AutoModel``.
        pretrained: see :class:`HFTextEncoder`.
        architecture: see :class:`HFTextEncoder`.
        settings: further settings of its Hugging Face config.

    Raises:
        FileNotFoundError, MissingExtraError, ConfigError, ValueError: where it cannot be built.
    """
    if pretrained is None and architecture is None:
        raise ValueError(
            "encoder: give pretrained (a name or path) or architecture (dict(model_type='bert'))"
        )
    try:
        if pretrained is not None and not _skip_weights.get():
            return _load(auto_class, resolve_pretrained(pretrained), settings)
        config = _config(pretrained, architecture)
        for name, value in settings.items():
            setattr(config, name, value)
        return auto_class.from_config(config)
    except (FileNotFoundError, MissingExtraError, ConfigError):
        raise
    except Exception as error:  # what a damaged file raises depends on its format
        raise ValueError(
            f"encoder: {pretrained or architecture!r} cannot be built: {error}\nGive a folder that "
            "save_pretrained() wrote, 'package:MODULE/FOLDER', or a hub id (--encoder PATH, or "
            "the environment variable PGF_ENCODER)"
        ) from error


def _without_pooler(encoder: Any) -> Any:
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # nothing here reads it
    return encoder


def _load(auto_class: Any, name: str, settings: dict[str, Any]) -> PreTrainedModel:
    _check_files(name)
    model, report = auto_class.from_pretrained(
        name, dtype=torch.float32, output_loading_info=True, trust_remote_code=False, **settings
    )
    # What is put on top of a pretrained model is not in its file, and trains.
    within = f"{model.base_model_prefix}." if model.base_model is not model else ""
    missing = sorted(
        key
        for key in report["missing_keys"]
        if (key.startswith(within) if within else not key.startswith("pooler."))
    )
    if missing:  # transformers would leave them random, and they would be frozen
        raise ValueError(
            f"{len(missing)} weights of {type(model).__name__} are not in its file, such as "
            f"{missing[0]!r}"
        )
    return model


def _check_files(name: str) -> None:
    """Refuse what transformers would load beside the encoder, or without a bound."""
    # A second LoRA, which no hash of the weights sees, made by a file that may name modules.
    if adapter := find_adapter_config_file(name):
        raise ValueError(
            f"{adapter} brings an adapter of PEFT. Merge it into the encoder (PEFT's "
            "merge_and_unload()) and save that with save_pretrained(), or remove it"
        )
    for weights in Path(name).glob("*.bin"):
        check_archive(weights)


def _config(pretrained: str | None, architecture: dict[str, Any] | None) -> PreTrainedConfig:
    """Return the encoder's config: a local file's, else ``architecture``, else the hub's."""
    if pretrained is not None and (architecture is None or is_local(pretrained)):
        return AutoConfig.from_pretrained(resolve_pretrained(pretrained), trust_remote_code=False)
    arguments = dict(architecture or {})
    model_type = arguments.pop("model_type", None)
    if model_type is None:
        raise ConfigError(f"architecture needs 'model_type', got {architecture!r}")
    if model_type not in CONFIG_MAPPING:
        check_one_of("architecture.model_type", model_type, sorted(FAMILIES))
    _check_spelling(AutoConfig.for_model(model_type), arguments)
    return AutoConfig.for_model(model_type, **arguments)


def _check_spelling(default: PreTrainedConfig, arguments: Mapping[str, Any]) -> None:
    """Refuse a misspelt setting: transformers would keep it as a name of its own."""
    for name, value in arguments.items():
        if not hasattr(default, name) and (near := misspelt(name, dir(default))):
            raise ConfigError(
                f"architecture.{name}: {type(default).__name__} has no setting {name!r}, got "
                f"{value!r}. Did you mean {near!r}?"
            )


def _set_dropout(encoder: nn.Module, rate: float) -> None:
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = rate
