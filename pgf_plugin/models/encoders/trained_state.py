"""State dicts that hold what was trained, and name the frozen encoder that they belong to."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import _EXTRA_STATE_KEY_SUFFIX

from pgf_plugin.models.encoders.identity import (
    EncoderIdentity,
    describe_architecture,
    hash_tensors,
)

IDENTITY_KEY = _EXTRA_STATE_KEY_SUFFIX
"""Last part of the key under which a state dict carries the identity."""

NOT_READ = "not read"
"""Hash of weights that are not in memory."""

_ADVICE = (
    "Build the model with the encoder that the weights were trained on (--encoder NAME, the "
    "environment variable PGF_ENCODER, or model.encoder)"
)


class TrainedStateModule(nn.Module):
    """A wrapped Hugging Face encoder whose frozen pretrained weights stay out of state dicts.

    ``state_dict`` leaves them out and carries an :class:`EncoderIdentity` instead, as extra state;
    ``load_state_dict`` refuses weights of another encoder, and otherwise finds complete what lacks
    only frozen weights. An encoder that trains, or that started at random, is saved whole.

    What is left out is decided when the module is built: a hook that freezes LoRA for some epochs
    changes nothing. Weights that are made trainable later are saved, and stay so when they are
    frozen again.

    Args:
        name: name of the pretrained encoder, None for none.
        frozen: whether the weights were read from ``name`` and are frozen.
    """

    encoder: Any

    def __init__(self, name: str | None, frozen: bool) -> None:
        super().__init__()
        self._name = None if name is None else str(name)
        self._frozen = frozen
        self._hash: str | None = None
        self._has_trained = False
        self.register_forward_pre_hook(_note_training)
        self.register_state_dict_post_hook(_leave_out)
        self.register_load_state_dict_pre_hook(_check_and_complete)

    @property
    def identity(self) -> EncoderIdentity:
        """Which encoder this is."""
        return EncoderIdentity(
            self._name,
            describe_architecture(self.encoder.config),
            self.hash_pretrained() if self.leaves_out_pretrained else None,
        )

    @property
    def leaves_out_pretrained(self) -> bool:
        """Whether ``state_dict`` leaves the encoder's own weights out."""
        return self._frozen and not self._has_trained and not self._trains

    @property
    def _trains(self) -> bool:
        return any(each.requires_grad for each in self.own_parameters())

    def own_tensors(self) -> dict[str, Tensor]:
        """The encoder's own weights, LoRA not among them, by their names in the encoder."""
        state = self.encoder.state_dict()
        return {name: tensor for name, tensor in state.items() if _is_own(name)}

    def hash_pretrained(self) -> str:
        """Hash the encoder's own weights under the names that they have without LoRA."""
        if self._hash is not None:
            return self._hash
        value = self.hash_own()
        if self._frozen and value != NOT_READ:
            self._hash = value
        return value

    def hash_own(self) -> str:
        """Hash the encoder's own weights as they are now, likewise."""
        own = self.own_tensors()
        if any(tensor.is_meta for tensor in own.values()):
            return NOT_READ
        return hash_tensors({name.replace(".base_layer.", "."): own[name] for name in own})

    def own_parameters(self) -> list[nn.Parameter]:
        """The encoder's own parameters, LoRA not among them."""
        return [parameters[name] for parameters, name in self._own_places]

    @cached_property
    def _own_places(self) -> list[tuple[dict[str, Any], str]]:
        """Where they are, each module's parameters and a name; each training step looks there."""
        return [
            (module._parameters, name)
            for path, module in self.encoder.named_modules()
            for name, parameter in module._parameters.items()
            if parameter is not None and _is_own(f"{path}.{name}")
        ]

    def get_extra_state(self) -> Tensor:
        """Return the identity, for ``state_dict``."""
        return self.identity.to_tensor()

    def set_extra_state(self, state: Tensor) -> None:
        """Take nothing over: the identity was compared before anything was loaded."""

    def _apply(self, fn: Callable, recurse: bool = True) -> nn.Module:
        # Before a cast to another precision changes the bytes.
        if self.leaves_out_pretrained:
            self.hash_pretrained()
        return super()._apply(fn, recurse)


def _note_training(module: TrainedStateModule, args: Any) -> None:
    if module.training and module._frozen and not module._has_trained:
        module._has_trained = module._trains


def _is_own(name: str) -> bool:
    return "lora_" not in name


def _leave_out(
    module: TrainedStateModule, state_dict: dict[str, Any], prefix: str, metadata: Any
) -> None:
    if module.leaves_out_pretrained:
        for name in module.own_tensors():
            del state_dict[f"{prefix}encoder.{name}"]


def _check_and_complete(
    module: TrainedStateModule, state_dict: dict[str, Any], prefix: str, *_: Any
) -> None:
    """Refuse the state of another encoder; else add what it leaves out."""
    key = prefix + IDENTITY_KEY
    own = {f"{prefix}encoder.{name}": value for name, value in module.own_tensors().items()}
    absent = own.keys() - state_dict.keys()
    if key in state_dict:
        saved = EncoderIdentity.from_tensor(state_dict[key])
        _check_same(saved, module)
        if saved.weights is not None:
            state_dict.update({name: own[name] for name in absent})
        elif not module.leaves_out_pretrained:
            module._has_trained = True  # also if they are frozen from now on
    elif not absent:  # written without this module's extra state, and whole
        state_dict[key] = module.get_extra_state()
    if module.leaves_out_pretrained:
        _check_equal({name: own[name] for name in own.keys() - absent}, state_dict, module)


def _check_same(saved: EncoderIdentity, module: TrainedStateModule) -> None:
    same = saved.architecture == module.identity.architecture
    if same and saved.weights is not None:
        same = saved.weights == module.hash_pretrained()
    if not same:
        here = module.identity._replace(weights=module.hash_pretrained())
        raise ValueError(
            f"the weights were trained on another encoder:\n  theirs: {saved}\n  here:   {here}\n"
            f"{_ADVICE}"
        )


def _check_equal(
    own: dict[str, Tensor], state_dict: dict[str, Any], module: TrainedStateModule
) -> None:
    """Refuse to overwrite frozen weights: they would be left out of the next file."""
    for name in sorted(own):
        value = state_dict[name]
        if not isinstance(value, Tensor) or not torch.equal(value.to(own[name]), own[name]):
            raise ValueError(
                f"the file holds an encoder whose weights, such as {name!r}, differ from the "
                f"frozen ones of {module.identity}. {_ADVICE}; model.encoder.freeze=False takes "
                "the weights of the file over"
            )
