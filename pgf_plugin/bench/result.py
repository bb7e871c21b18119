"""What one trial leaves behind, written as one JSON file."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pgf_plugin.bench.names import row_label, trial_folder
from pgf_plugin.bench.plan import Trial
from pgf_plugin.checkpoint_files import AtomicLocalBackend

SCHEMA_VERSION = 1
RESULT_FILE = "result.json"


@dataclass
class TrialResult:
    """Outcome of one trial; the fields are the columns of the bench's JSON.

    Attributes:
        model: the model's name in the table.
        seed: seed of the run.
        fingerprint: hash of what the trial depends on, see
            :func:`~pgf_plugin.bench.fingerprint.fingerprint`.
        status: ``'finished'`` or ``'failed'``.
        metrics: test metrics by the names of
            :func:`~pgf_plugin.evaluation.functional.msa_metrics`, fractions; NaN is null in the
            file.
        val_mae: validation MAE of the chosen checkpoint.
        best_epoch: epoch of the chosen checkpoint, counted from 1.
        checkpoint: file name of the chosen checkpoint, in the trial's folder.
        learning_curve: validation MAE after each epoch.
        trainable: trainable parameters.
        total: all parameters.
        trainable_without_encoder: trainable parameters outside the text encoder and its LoRA.
        ms_per_utterance: inference time on the test set, milliseconds an utterance.
        train_seconds: wall time of training and validation.
        data: what the dataset says of itself.
        encoder: name of the text encoder, None where there is none.
        environment: versions, engine, device and threads.
        error: message of a failed trial; its traceback is in the trial's folder.
        dataset: name of the data in the table; empty where a bench has one.
        setting: name of the overrides in the table; empty where a bench has one.
        cause: of a failed trial: ``'diverged'``, ``'out of memory'``, ``'raised'``, or
            ``'process ended'`` where its process was killed from outside.
        retries: how often it was begun again with smaller micro-batches, out of memory.
        micro_batch: utterances computed at once, where that is less than a batch.
    """

    model: str
    seed: int
    fingerprint: str
    status: str = "finished"
    metrics: dict[str, float] = field(default_factory=dict)
    val_mae: float | None = None
    best_epoch: int | None = None
    checkpoint: str | None = None
    learning_curve: list[float] = field(default_factory=list)
    trainable: int | None = None
    total: int | None = None
    trainable_without_encoder: int | None = None
    ms_per_utterance: float | None = None
    train_seconds: float | None = None
    data: dict[str, Any] = field(default_factory=dict)
    encoder: str | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    dataset: str = ""
    setting: str = ""
    cause: str | None = None
    retries: int = 0
    micro_batch: int | None = None

    @property
    def label(self) -> str:
        """Model, dataset and setting as one name: that of a row of the table."""
        return row_label(self.model, self.dataset, self.setting)

    def folder(self, work_dir: Path) -> Path:
        """Where the trial wrote, below the folder of its bench."""
        return trial_folder(work_dir, self.model, self.seed, self.dataset, self.setting)

    def save(self, folder: Path) -> None:
        """Write ``result.json``; a reader sees the whole file or none."""
        write_json(folder / RESULT_FILE, {"schema_version": SCHEMA_VERSION, **asdict(self)})

    @classmethod
    def load(cls, folder: Path) -> "TrialResult | None":
        """Read ``result.json``; None where there is none that this version wrote whole."""
        try:
            content = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
            if content.pop("schema_version") != SCHEMA_VERSION:
                return None
            result = cls(**content)
            result.metrics = {name: _number(value) for name, value in result.metrics.items()}
            result.learning_curve = [_number(value) for value in result.learning_curve]
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return result


def new_result(trial: Trial) -> TrialResult:
    """Return the result of a trial of which nothing is known yet."""
    return TrialResult(
        trial.model,
        trial.seed,
        trial.fingerprint,
        dataset=trial.dataset,
        setting=trial.setting,
    )


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` to ``path`` atomically, as strict JSON: NaN and infinity become null."""
    text = json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)
    AtomicLocalBackend().put_text(f"{text}\n", path)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _plain(value: Any) -> Any:
    """Return ``value`` as what JSON has; what a foreign dataset says may be anything."""
    if hasattr(value, "tolist"):  # arrays, tensors and their scalars
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
