"""What the frozen layers of an encoder make of an utterance: computed once, then looked up."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pgf_plugin.errors import (
    ConfigError,
    check_one_of,
    check_positive_int,
    check_text,
    did_you_mean,
    shown,
)
from pgf_plugin.models.encoders.layer_stack import LayerStack
from pgf_plugin.models.encoders.state_file import DIGEST_BYTES
from pgf_plugin.models.encoders.state_store import StateStore
from pgf_plugin.models.encoders.trained_state import TrainedStateModule

DTYPES = {"float32": torch.float32, "float16": torch.float16}
DEFAULT_BYTES = 2 << 30
"""Room for MOSEI's 23,000 utterances of 25 tokens, as float32 of width 768."""

_KEY = "cache_frozen"
_SETTINGS = ("folder", "max_bytes", "dtype")
_SCHEMA = 1

_recompute: ContextVar[bool] = ContextVar("recompute", default=False)


@contextmanager
def without_frozen_states() -> Iterator[None]:
    """Inside, frozen layers are computed with the others: what an utterance that is new costs."""
    token = _recompute.set(True)
    try:
        yield
    finally:
        _recompute.reset(token)


class FrozenStates:
    """Looks up what the frozen lower layers of an encoder give, and computes what is not there.

    The key of an utterance is a hash of the encoder's weights and config, of how many layers are
    meant, and of its own tokens. An utterance is computed alone, without padding and dropout, and
    outside of autocast: its states depend on nothing else in the batch, so that a run that begins
    with a full, an empty or no store computes the same.

    The tokens are read on the host, which waits for a GPU. Not safe for several threads.

    Args:
        folder: see :class:`~pgf_plugin.models.encoders.state_store.StateStore`.
        max_bytes: likewise; 0 stores nothing.
        dtype: ``'float32'``, or ``'float16'``, which takes half the room and rounds.
    """

    def __init__(
        self, folder: str | None = None, max_bytes: int = DEFAULT_BYTES, dtype: str = "float32"
    ) -> None:
        path = None if folder is None else Path(check_text(f"{_KEY}.folder", folder)).expanduser()
        check_positive_int(f"{_KEY}.max_bytes", max_bytes, at_least=0)
        self.dtype = DTYPES[check_one_of(f"{_KEY}.dtype", dtype, DTYPES)]
        self._settings = folder, max_bytes, dtype
        self.store = StateStore(path, max_bytes)
        self._key = b""
        self._marks: Any = None
        # Here, and not as a decorator, because it imports the compiler.
        self._outside = torch.compiler.disable(type(self)._look_up)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._settings  # a copy has a store of its own

    def look_up(
        self, module: TrainedStateModule, stack: LayerStack, inputs: dict[str, Tensor], depth: int
    ) -> Tensor:
        """Return what the first layers give.

        Args:
            module: the wrapped encoder.
            stack: where its layers are.
            inputs: ``input_ids`` and ``attention_mask``, (B, L) int64.
            depth: how many layers.

        Returns:
            (B, L, D) in the encoder's type, on the device of ``inputs``; 0 where there is padding.
        """
        return self._outside(self, module, stack, inputs, depth)

    def usable(self, module: TrainedStateModule) -> bool:
        """Whether nothing asks for a computation, and the weights are frozen at the moment."""
        if _recompute.get():
            return False
        if any(each.requires_grad for each in module.own_parameters()):
            self._marks = None  # they may be others when they are frozen again
            return False
        return True

    def _look_up(
        self, module: TrainedStateModule, stack: LayerStack, inputs: dict[str, Tensor], depth: int
    ) -> Tensor:
        ids, mask = inputs["input_ids"].cpu(), inputs["attention_mask"].cpu().bool()
        key, width = self._key_of(module, depth), module.encoder.config.hidden_size
        states = torch.zeros(*ids.shape, width, dtype=self.dtype)
        rows = states.numpy()
        # What stands before the last real token belongs to the utterance, masked or not: it moves
        # the positions of the others.
        lengths = (mask * torch.arange(1, mask.shape[1] + 1)).amax(dim=1).tolist()
        for row, length in enumerate(lengths):
            if not length:
                continue
            own = slice(row, row + 1), slice(length)
            digest = _digest(key, ids[own], mask[own])
            values = self._stored(digest, rows[row, :length])
            if values is None:
                part = {name: inputs[name][own] for name in ("input_ids", "attention_mask")}
                values = self._compute(module.encoder, stack, part, depth)
                self.store.put(digest, values)
            rows[row, :length] = values
        return states.to(inputs["input_ids"].device, module.encoder.dtype, non_blocking=True)

    def _stored(self, digest: bytes, like: np.ndarray) -> np.ndarray | None:
        content = self.store.get(digest)
        if content is None or len(content) != like.nbytes:
            return None
        return content.view(like.dtype).reshape(like.shape)

    @torch.no_grad()
    def _compute(
        self, encoder: Any, stack: LayerStack, part: dict[str, Tensor], depth: int
    ) -> np.ndarray:
        """States (n, D) of one utterance without padding."""
        device = part["input_ids"].device.type
        with (
            torch.autocast(device, enabled=False),
            _evaluating(encoder),
            stack.only(encoder, range(depth)),
        ):
            states = encoder(**part).last_hidden_state[0]
        return states.to("cpu", self.dtype).numpy()

    def _key_of(self, module: TrainedStateModule, depth: int) -> bytes:
        parameters = module.own_parameters()
        versions = [0 if each.is_inference() else each._version for each in parameters]
        marks = depth, versions, [(each.data_ptr(), each.dtype) for each in parameters]
        if marks != self._marks:
            parts = (
                *(_SCHEMA, depth, self.dtype, module.encoder.dtype),
                *(module.hash_own(), module.encoder.config.to_json_string()),
            )
            self._key = hashlib.blake2b("\n".join(map(str, parts)).encode()).digest()
            self._marks = marks
        return self._key


def _digest(key: bytes, ids: Tensor, mask: Tensor) -> bytes:
    tokens = ids.numpy().tobytes() + mask.numpy().tobytes()
    return hashlib.blake2b(tokens, key=key, digest_size=DIGEST_BYTES).digest()


def build_frozen_states(
    given: Mapping[str, Any] | bool, freeze: bool, first_trained: int
) -> FrozenStates | None:
    """Build from ``HFTextEncoder.cache_frozen``.

    Args:
        given: arguments of :class:`FrozenStates`; True for its defaults, False for none.
        freeze: whether the encoder's own weights are frozen.
        first_trained: first layer that has LoRA, or the number of layers.

    Raises:
        ConfigError: for an unknown setting, or where nothing is frozen.
        ValueError: for a value that is not allowed.
    """
    if given is False:
        return None
    settings = {} if given is True else given
    if not isinstance(settings, Mapping):
        raise ConfigError(
            f"{_KEY} must be True, False or a dict of {', '.join(_SETTINGS)}, got {shown(given)}"
        )
    for name in settings:
        if name not in _SETTINGS:
            raise ConfigError(
                f"{_KEY} has no setting {name!r}.{did_you_mean(name, _SETTINGS)} It takes "
                f"{', '.join(_SETTINGS)}"
            )
    if not freeze:
        raise ConfigError(
            f"{_KEY} keeps what frozen layers give, but freeze=False trains them: set "
            "freeze=True, or leave cache_frozen out"
        )
    if first_trained == 0:
        raise ConfigError(
            f"{_KEY} keeps what the layers below the first one with LoRA give, but "
            "lora_start_layer=0 leaves none: set lora_start_layer (and start_fusion_layer of a "
            "model that fuses inside the encoder) above 0, or leave cache_frozen out"
        )
    return FrozenStates(**settings)


def check_frozen_below(start_layer: int, first_trained: int) -> None:
    """Refuse a model whose first fusion leaves nothing to keep, or less than it seems.

    Args:
        start_layer: first layer that is followed by fusion.
        first_trained: first layer that has LoRA, or the number of layers.

    Raises:
        ConfigError: for fusion from the first layer on, and for LoRA below it.
    """
    if start_layer == 0:
        raise ConfigError(
            f"encoder.{_KEY} keeps what the layers below the first fusion give, but "
            "start_fusion_layer=0 leaves none: set start_fusion_layer above 0, or leave "
            "cache_frozen out"
        )
    if first_trained < start_layer:
        raise ConfigError(
            f"encoder.{_KEY} keeps what the layers below start_fusion_layer={start_layer} give, "
            f"but LoRA trains some of them: set encoder.lora_start_layer, which is "
            f"{first_trained}, to {start_layer} or more, or leave cache_frozen out"
        )


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    training = [each for each in module.modules() if each.training]
    for each in training:
        each.training = False
    try:
        yield
    finally:
        for each in training:
            each.training = True
