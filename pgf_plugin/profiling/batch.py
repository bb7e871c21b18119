"""Models with random weights, and synthetic batches that fit them."""

from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from pgf_plugin.errors import ConfigError
from pgf_plugin.models.encoders.hf_build import without_pretrained_weights
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.encoders.precomputed import PrecomputedTextEncoder
from pgf_plugin.profiling.case import Case
from pgf_plugin.registry import MODELS

Batch = dict[str, Tensor]


def build_model(config: Config | dict[str, Any], seed: int = 0) -> nn.Module:
    """Build the model of a config for inference, with random weights, offline.

    Args:
        config: of the model.
        seed: of the weights.

    Raises:
        ValueError: from a constructor, for a value that is not allowed.
    """
    with torch.random.fork_rng(devices=[]), without_pretrained_weights():
        torch.manual_seed(seed)
        return MODELS.build(dict(config)).eval()


def synthetic_batch(model: nn.Module, case: Case, device: torch.device, seed: int = 0) -> Batch:
    """Noise of the shape that ``model`` takes, as in the README's batch contract.

    Args:
        model: tells whether it reads tokens or text features, and the widths of the others.
        case: how many utterances, and their lengths; every step is real.
        device: where the batch goes.
        seed: of the noise.

    Raises:
        ConfigError: if the model has no text encoder that tells what it reads.
    """
    random = torch.Generator().manual_seed(seed)
    size, lengths = case
    encoder = text_encoder(model)
    if isinstance(encoder, HFTextEncoder):
        vocabulary = encoder.encoder.config.vocab_size
        # The upper half of a vocabulary holds words: the few special tokens come first.
        text: Batch = {
            "input_ids": torch.randint(
                vocabulary // 2, vocabulary, (size, lengths.text), generator=random
            )
        }
    else:
        shape = (size, lengths.text, encoder.in_features)
        text = {"text": torch.randn(shape, generator=random)}
    inputs = {**text, "attention_mask": torch.ones(size, lengths.text, dtype=torch.int64)}
    for name, width in (getattr(model, "feature_dims", None) or {}).items():
        steps = getattr(lengths, name)
        inputs[name] = torch.randn((size, steps, width), generator=random)
        inputs[f"{name}_mask"] = torch.ones(size, steps, dtype=torch.bool)
    return {name: value.to(device) for name, value in inputs.items()}


def text_encoder(model: nn.Module) -> HFTextEncoder | PrecomputedTextEncoder:
    """The text encoder of a model.

    Raises:
        ConfigError: if it is none of this package.
    """
    for module in model.modules():
        if isinstance(module, HFTextEncoder | PrecomputedTextEncoder):
            return module
    raise ConfigError(
        f"{type(model).__name__} has no HFTextEncoder and no PrecomputedTextEncoder, so no "
        "synthetic batch can be made for it: give it one of them as its encoder; models of other "
        "kinds cannot be profiled"
    )


def longest_text(model: nn.Module) -> int | None:
    """Tokens for which the text encoder of a model has positions; None where it has no bound."""
    encoder = text_encoder(model)
    return encoder.max_tokens if isinstance(encoder, HFTextEncoder) else None


def check_length(label: str, model: nn.Module, tokens: int) -> None:
    """Refuse a text that is longer than the encoder of the model called ``label`` can read.

    Raises:
        ValueError: naming the longest.
    """
    longest = longest_text(model)
    if longest is not None and tokens > longest:
        raise ValueError(
            f"--lengths: the text encoder of {label} has positions for {longest} tokens, got a "
            f"text of {tokens}: give a length of at most {longest}, such as --lengths "
            f"text={longest}"
        )
