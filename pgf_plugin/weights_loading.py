"""Loads the weights of a checkpoint, all of them or none."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from pgf_plugin.errors import DataError
from pgf_plugin.file_checks import EXTRA_STATE
from pgf_plugin.trained_settings import changed_settings
from pgf_plugin.weights import Weights, read_weights

_LISTED = 12


def load_weights(
    model: nn.Module, checkpoint: Path, settings: Mapping[str, Any] | None = None
) -> None:
    """Load a checkpoint or a safetensors file into ``model``; nothing in it is executed.

    Args:
        model: takes the weights.
        checkpoint: the file.
        settings: the config of ``model``: a warning tells where the file names another value of
            what decides predictions.

    Raises:
        DataError: if the file is no checkpoint, holds anything but tensors and plain values, or
            is of another model, preset, encoder or schema version.
    """
    weights = read_weights(checkpoint)
    fit_weights(model, weights, checkpoint)
    if settings and (changed := changed_settings(weights.settings, settings)):
        told = f"{checkpoint} fits, but was trained with other settings than those of the config:"
        print_log("\n  ".join([told, *changed]), "current", logging.WARNING)


def fit_weights(model: nn.Module, weights: Weights, checkpoint: Path, *, advice: str = "") -> None:
    """Load what was read from the file ``checkpoint`` into ``model``.

    Args:
        model: takes the weights.
        weights: all that the model needs, and nothing else.
        checkpoint: what the error calls the file.
        advice: what else can be done, for the error.

    Raises:
        DataError: if they are of another model, preset or encoder; the model is as it was then.
    """
    before = {
        name: value.clone()
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor)
    }
    try:
        model.load_state_dict(weights.state)
    except ValueError as error:
        _restore(model, before)
        raise DataError(f"{checkpoint} ({weights.written_by}): {error}") from error
    except RuntimeError as error:  # torch loads what fits before it raises
        _restore(model, before)
        raise DataError(
            f"{checkpoint} does not fit the model of the config, {type(model).__name__}. It was "
            f"written by {weights.written_by}.{_differences(model, weights.state) or error}\n"
            f"Give the config, and the --cfg-options, that it was trained with{advice}"
        ) from error


@torch.no_grad()
def _restore(model: nn.Module, before: Mapping[str, Tensor]) -> None:
    state = model.state_dict()
    for name, value in before.items():
        if not name.endswith(EXTRA_STATE) and state[name].shape == value.shape:
            state[name].copy_(value)


def _differences(model: nn.Module, state: Mapping[str, Any]) -> str:
    expected = model.state_dict()
    missing = expected.keys() - state.keys()
    surplus = state.keys() - expected.keys()
    common = [name for name in expected.keys() & state.keys() if not name.endswith(EXTRA_STATE)]
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in common
        if state[name].shape != expected[name].shape
    ]
    return (
        _listed("missing in the file", missing)
        + _listed("in the file alone", surplus)
        + _listed("of another shape in the file", shapes)
    )


def _listed(what: str, names: Iterable[str]) -> str:
    ordered = sorted(names)
    if not ordered:
        return ""
    more = f", and {len(ordered) - _LISTED} more" if len(ordered) > _LISTED else ""
    return f"\n  {len(ordered)} {what}: {', '.join(ordered[:_LISTED])}{more}"
