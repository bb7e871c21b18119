"""Whether an interrupted trial goes on from its newest checkpoint, or begins anew."""

import json
from pathlib import Path
from typing import Any

import torch

from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.progress import KEY as CURVE_KEY
from pgf_plugin.bench.result import TrialResult, write_json
from pgf_plugin.checkpoint_files import Resumable, find_resumable, remove_checkpoints
from pgf_plugin.compat import refusals_told
from pgf_plugin.errors import DataError
from pgf_plugin.hooks.exact_resume import KEY as STATE_KEY

BEGUN_FILE = "begun.json"
"""Says of which fingerprint the checkpoints in the folder of a trial are."""


def prepare_folder(trial: Trial) -> Resumable | None:
    """Find the checkpoint from which a trial goes on, or make its folder ready to begin.

    A trial goes on where it was begun with the same fingerprint and was interrupted. One that
    failed begins anew: its cause may be in its checkpoints. So does one whose checkpoints do not
    hold all that its numbers hang on, as without ``ExactResumeHook`` and ``SafeCheckpointHook``.

    Returns:
        the checkpoint; None where the trial begins. Then the folder has none any more.

    Raises:
        DataError: if a checkpoint of the trial would execute something.
    """
    found = _find_exact(trial.folder) if _was_interrupted(trial) else None
    if found is None:
        remove_checkpoints(trial.folder)
        write_json(trial.folder / BEGUN_FILE, {"fingerprint": trial.fingerprint})
    return found


def _was_interrupted(trial: Trial) -> bool:
    result = TrialResult.load(trial.folder)
    if result is not None and result.status != "finished":
        return False
    try:
        begun = json.loads((trial.folder / BEGUN_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(begun, dict) and begun.get("fingerprint") == trial.fingerprint


def _find_exact(folder: Path) -> Resumable | None:
    try:
        found = find_resumable(folder)
    except DataError:  # none can be read
        return None
    if found.path is None:
        return None
    with refusals_told(found.path):
        content: Any = torch.load(found.path, map_location="cpu", weights_only=True, mmap=True)
    state = content.get(STATE_KEY) if isinstance(content, dict) else None
    exact = isinstance(state, dict) and not state.get("inside_epoch", True) and CURVE_KEY in content
    return found if exact else None
