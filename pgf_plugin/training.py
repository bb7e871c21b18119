"""Training as the commands do it: safe to load, safe to interrupt, and clear about misfits."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.runner import CheckpointLoader, Runner

from pgf_plugin.compat import train_safely
from pgf_plugin.errors import DataError
from pgf_plugin.hooks.interrupt import InterruptHook
from pgf_plugin.interrupts import defer_signals
from pgf_plugin.model_access import unwrap
from pgf_plugin.weights import SAFETENSORS, read_weights
from pgf_plugin.weights_loading import fit_weights

STRICT_KEY = "load_from_strict"
"""Key of a config: False takes over what fits of ``load_from``, and only logs what does not."""


def train(runner: Runner) -> None:
    """Train with a ``Runner`` that was built from a config.

    Args:
        runner: inside :func:`~pgf_plugin.compat.only_weights_loaded`.

    Raises:
        DataError: if the checkpoint that it loads or resumes would execute something, is of another
            model, preset, encoder or schema version, or cannot be resumed.
        Interrupted: if a signal came, inside :func:`~pgf_plugin.interrupts.watched_signals`.
    """
    checkpoint = runner.cfg.get("load_from")
    CheckpointLoader.register_scheme(rf".*\{SAFETENSORS}$", _load_safetensors, force=True)
    if checkpoint and os.path.isfile(checkpoint):
        _check_fit(runner, Path(checkpoint))
    runner.register_hook(InterruptHook())
    try:
        train_safely(runner, checkpoint)
    finally:
        defer_signals(False)


def _check_fit(runner: Runner, checkpoint: Path) -> None:
    """Refuse what mmengine would only log, before it loads the file."""
    weights = read_weights(checkpoint)
    resumes = bool(runner.cfg.get("resume"))
    if resumes and "optimizer" not in weights.others:
        raise DataError(
            f"{checkpoint} holds weights alone, without the optimizer, and cannot be resumed: "
            "start from its weights (load_from without resume), or resume from a whole checkpoint"
        )
    if resumes or runner.cfg.get(STRICT_KEY, True):
        advice = "" if resumes else f", or take over what fits ({STRICT_KEY}=False)"
        fit_weights(unwrap(runner.model), weights, checkpoint, advice=advice)


def _load_safetensors(filename: str, map_location: str | Callable | None) -> dict[str, Any]:
    return {"state_dict": read_weights(Path(filename)).state, "meta": {}}
