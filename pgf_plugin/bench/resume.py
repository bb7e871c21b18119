"""Whether an interrupted trial goes on from its newest checkpoint, or begins anew."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.progress import KEY as CURVE_KEY
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.checkpoint_files import Resumable, find_resumable, is_intact, remove_checkpoints
from pgf_plugin.compat import refusals_told
from pgf_plugin.errors import DataError
from pgf_plugin.hooks.exact_resume import KEY as STATE_KEY
from pgf_plugin.json_files import write_json

BEGUN_FILE = "begun.json"
"""Says of which fingerprint the checkpoints in the folder of a trial are."""


def prepare_folder(trial: Trial) -> Resumable | None:
    """Find the checkpoint from which a trial goes on, or make its folder ready to begin.

    A trial goes on where it was begun with the same fingerprint and was interrupted. One that
    failed begins anew: its cause may be in its checkpoints. So does one whose checkpoints do not
    hold all that its numbers hang on, as without ``ExactResumeHook`` and ``SafeCheckpointHook``,
    and one whose best checkpoint is damaged.

    Returns:
        the checkpoint; None where the trial begins. Then the folder has none any more.

    Raises:
        DataError: if a checkpoint of the trial would execute something.
    """
    interrupted = _was_interrupted(trial)
    found = _find_exact(trial.folder) if interrupted else None
    if found is None:
        retries, micro_batch = smaller_batches(trial) if interrupted else (0, None)
        begin(trial, retries, micro_batch)
    return found


def begin(trial: Trial, retries: int = 0, micro_batch: int | None = None) -> None:
    """Make the folder of a trial ready to begin, in micro-batches where its memory ended."""
    remove_checkpoints(trial.folder)
    content = {"fingerprint": trial.fingerprint, "retries": retries, "micro_batch": micro_batch}
    write_json(trial.folder / BEGUN_FILE, content)


def smaller_batches(trial: Trial) -> tuple[int, int | None]:
    """How often a trial was begun again out of memory, and its micro-batch since then, if any."""
    begun = _read_begun(trial)
    return int(begun.get("retries") or 0), begun.get("micro_batch")


def _was_interrupted(trial: Trial) -> bool:
    result = TrialResult.load(trial.folder)
    if result is not None and result.status != "finished":
        return False
    return _read_begun(trial).get("fingerprint") == trial.fingerprint


def _read_begun(trial: Trial) -> Mapping[str, Any]:
    try:
        begun = json.loads((trial.folder / BEGUN_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return begun if isinstance(begun, dict) else {}


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
    return found if exact and _has_best(content, folder, newest=not found.damaged) else None


def _has_best(content: Mapping[str, Any], folder: Path, newest: bool) -> bool:
    """Whether the best checkpoint so far, which will be tested if no better follows, is whole.

    Where the newest checkpoint is damaged, a better one may have replaced it, and will again.
    """
    hub = content.get("message_hub")
    best = hub.get("runtime_info", {}).get("best_ckpt") if isinstance(hub, Mapping) else None
    if best is None:
        return True
    path = folder / Path(best).name
    return is_intact(path) if path.is_file() else not newest
