"""What one trial of a search leaves behind, written as one JSON file once it has ended."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pgf_plugin.bench.pace import EPOCH
from pgf_plugin.errors import DataError
from pgf_plugin.json_files import write_json

SCHEMA_VERSION = 1
RECORD_FILE = "trial.json"
DAMAGED = ".damaged"

STATES = ("finished", "pruned", "failed")


@dataclass
class TrialRecord:
    """Outcome of one trial; the fields are the columns of ``trials.csv``.

    Attributes:
        number: of the trial, counted from 0.
        study: hash of what makes it a trial of this search: config, space, data, version.
        state: one of :data:`STATES`.
        params: dotted key to value; an option that is no scalar by its ``repr``.
        value: mean over the seeds of the best validation metric; None where it has none.
        values: the best of each seed that was run.
        best_epochs: epoch of each of them, counted from 1; the step, where ``unit`` says so.
        unit: ``'epoch'``; ``'step'`` where the training loop has no epochs.
        curve: validation metric of the first seed after each validation.
        seconds: wall time of training and validation.
        error: message of a failed trial; its traceback is in the trial's folder.
        pruner_state: what the pruner keeps of the trial.
    """

    number: int
    study: str
    state: str = "finished"
    params: dict[str, Any] = field(default_factory=dict)
    value: float | None = None
    values: list[float] = field(default_factory=list)
    best_epochs: list[int] = field(default_factory=list)
    unit: str = EPOCH
    curve: list[float] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None
    pruner_state: dict[str, float] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write ``trial.json``; a reader sees the whole file or none."""
        write_json(folder / RECORD_FILE, {"schema_version": SCHEMA_VERSION, **asdict(self)})


def trial_folder(work_dir: Path, number: int) -> Path:
    """Where a trial writes; its runs have a folder each below it."""
    return work_dir / "trials" / f"{number:04d}"


def load_records(work_dir: Path) -> tuple[list[TrialRecord], list[Path]]:
    """Read the trials of a search that have ended.

    Returns:
        the trials by number, and the files that cannot be read, which were set aside (renamed to
        ``trial.json.damaged``): their trials are repeated.

    Raises:
        DataError: for a file of a later version.
    """
    records, damaged = [], []
    for path in sorted(work_dir.glob(f"trials/*/{RECORD_FILE}")):
        try:
            records.append(_load(path))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, DataError):
                raise
            path.replace(path.with_name(path.name + DAMAGED))
            damaged.append(path)
    return records, damaged


def _load(path: Path) -> TrialRecord:
    content = json.loads(path.read_text(encoding="utf-8"))
    version = content.pop("schema_version")
    if version > SCHEMA_VERSION:
        raise DataError(
            f"{path} was written by a later version (layout {version}, this one reads up to "
            f"{SCHEMA_VERSION}): install that version, or give another folder (--work-dir DIR)"
        )
    record = TrialRecord(**content)
    finished = isinstance(record.value, float) and math.isfinite(record.value)
    if record.state not in STATES or (record.state == "finished" and not finished):
        raise ValueError(f"{path}: state {record.state!r} with the value {record.value!r}")
    return record


def best_first(records: list[TrialRecord], higher_is_better: bool) -> list[TrialRecord]:
    """The finished trials from the best to the worst; of equal ones, the earlier first."""
    finished = [record for record in records if record.state == "finished"]
    sign = -1 if higher_is_better else 1
    return sorted(finished, key=lambda record: (sign * (record.value or 0.0), record.number))
