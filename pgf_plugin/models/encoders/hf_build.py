"""Builds Hugging Face models: from files that are safe to read, or without any weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import find_adapter_config_file

from pgf_plugin.errors import ConfigError, MissingExtraError, check_one_of, misspelt
from pgf_plugin.file_checks import check_archive
from pgf_plugin.models.encoders.layer_stack import FAMILIES
from pgf_plugin.pretrained import is_local, resolve_pretrained

_skip_weights: ContextVar[bool] = ContextVar("skip_weights", default=False)


@contextmanager
def without_pretrained_weights() -> Iterator[None]:
    """Inside, encoders are built from their architecture and no weight is read."""
    token = _skip_weights.set(True)
    try:
        yield
    finally:
        _skip_weights.reset(token)


def weights_are_skipped() -> bool:
    """Whether this is inside of :func:`without_pretrained_weights`."""
    return _skip_weights.get()


def build_hf(
    auto_class: Any, pretrained: str | None, architecture: dict[str, Any] | None, **settings: Any
) -> PreTrainedModel:
    """Build a Hugging Face model from its weights, or from its architecture alone.

    Args:
        auto_class: what builds it, such as ``AutoModel``.
        pretrained: see :class:`~pgf_plugin.models.encoders.hf_text.HFTextEncoder`.
        architecture: see :class:`~pgf_plugin.models.encoders.hf_text.HFTextEncoder`.
        settings: further settings of its Hugging Face config.

    Raises:
        FileNotFoundError, MissingExtraError, ConfigError, ValueError: where it cannot be built.
    """
    if pretrained is None and architecture is None:
        raise ValueError(
            "encoder: give pretrained (a name or path) or architecture (dict(model_type='bert'))"
        )
    try:
        if pretrained is not None and not weights_are_skipped():
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
