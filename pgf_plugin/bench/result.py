"""What one trial leaves behind, written as one JSON file."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pgf_plugin.bench.corruptions import CorruptedTest
from pgf_plugin.bench.names import row_label, trial_folder
from pgf_plugin.bench.pace import EPOCH
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.selection import DEFAULT_METRIC
from pgf_plugin.json_files import write_json

SCHEMA_VERSION = 3
"""2: the score that chose the checkpoint may be another metric's than MAE, and the trial says what
its numbers stand on. A result of version 1 does not, so its trial is repeated.
3: the trial may have been tested on corrupted test sets. A result of version 2 is one without."""

READ_VERSIONS = (2, 3)
"""Versions whose results are read."""

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
            :func:`~pgf_plugin.evaluation.catalogue.msa_metrics`, fractions; NaN is null in the
            file.
        selection: validation metric by which the checkpoint was chosen.
        val_score: that metric of the chosen checkpoint.
        best_epoch: epoch of the chosen checkpoint, counted from 1; or its step, see ``unit``.
        checkpoint: file name of the chosen checkpoint, in the trial's folder.
        learning_curve: that metric after each validation.
        curve_epochs: epoch, or step, of each of them; empty in a result of an earlier version.
        unit: ``'epoch'``; ``'step'`` where the training loop has no epochs.
        trainable: trainable parameters.
        total: all parameters.
        trainable_without_encoder: trainable parameters outside the text encoder and its LoRA.
        ms_per_utterance: inference time on the test set, milliseconds an utterance.
        train_seconds: wall time of training and validation.
        wall_seconds: the same with the test and all else.
        data: what the dataset says of itself.
        data_files: ``name``, ``bytes`` and ``sha256`` of each file that the data come from; of a
            store, those of the files that it was made of.
        encoder: name of the text encoder, None where there is none.
        encoder_weights: hash of its pretrained weights, where they are frozen.
        environment: versions, engine, device and threads; ``commit`` of the working directory.
        date: when the trial began, or went on, with the time zone.
        config: text of its config.
        error: message of a failed trial; its traceback is in the trial's folder.
        dataset: name of the data in the table; empty where a bench has one.
        setting: name of the overrides in the table; empty where a bench has one.
        cause: of a failed trial: ``'diverged'``, ``'out of memory'``, ``'raised'``, or
            ``'process ended'`` where its process was killed from outside.
        retries: how often it was begun again with smaller micro-batches, out of memory.
        micro_batch: utterances computed at once, where that is less than a batch.
        corrupted: what the same checkpoint scored on corrupted test sets.
    """

    model: str
    seed: int
    fingerprint: str
    status: str = "finished"
    metrics: dict[str, float] = field(default_factory=dict)
    selection: str = DEFAULT_METRIC
    val_score: float | None = None
    best_epoch: int | None = None
    checkpoint: str | None = None
    learning_curve: list[float] = field(default_factory=list)
    curve_epochs: list[int] = field(default_factory=list)
    unit: str = EPOCH
    trainable: int | None = None
    total: int | None = None
    trainable_without_encoder: int | None = None
    ms_per_utterance: float | None = None
    train_seconds: float | None = None
    wall_seconds: float | None = None
    data: dict[str, Any] = field(default_factory=dict)
    data_files: list[dict[str, Any]] = field(default_factory=list)
    encoder: str | None = None
    encoder_weights: str | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    date: str | None = None
    config: str = ""
    error: str | None = None
    dataset: str = ""
    setting: str = ""
    cause: str | None = None
    retries: int = 0
    micro_batch: int | None = None
    corrupted: list[CorruptedTest] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Model, dataset and setting as one name: that of a row of the table."""
        return row_label(self.model, self.dataset, self.setting)

    @property
    def curve(self) -> list[tuple[int, float]]:
        """Epoch, or step, and value of each validation; those without one count from 1."""
        counted = range(1, len(self.learning_curve) + 1)
        at = self.curve_epochs if len(self.curve_epochs) == len(counted) else counted
        return list(zip(at, self.learning_curve, strict=True))

    def folder(self, work_dir: Path) -> Path:
        """Where the trial wrote, below the folder of its bench."""
        return trial_folder(work_dir, self.model, self.seed, self.dataset, self.setting)

    def settles(self, fingerprint: str) -> bool:
        """Whether a trial of this fingerprint needs not be repeated."""
        return self.status == "finished" and self.fingerprint == fingerprint

    def missing_tests(self, trial: Trial) -> list[tuple[CorruptedTest, dict[str, Any]]]:
        """The corrupted test sets of a trial without a score here, and their transforms."""
        scored = {test.key for test in self.corrupted if test.error is None}
        return [pair for pair in trial.corrupted_tests if pair[0].key not in scored]

    @property
    def failed_tests(self) -> list[CorruptedTest]:
        """The corrupted test sets on which the checkpoint could not be tested."""
        return [test for test in self.corrupted if test.error is not None]

    def completes(self, trial: Trial) -> bool:
        """Whether nothing of a trial is left to do."""
        return self.settles(trial.fingerprint) and not self.missing_tests(trial)

    def record(self, test: CorruptedTest) -> None:
        """Take a test up, in the place of an earlier one of the same."""
        self.corrupted = [*(other for other in self.corrupted if other.key != test.key), test]

    def keep_planned(self, trial: Trial) -> None:
        """Leave the tests that a trial asks for, in the order of its plan."""
        known = {test.key: test for test in self.corrupted}
        planned = (test.key for test, _ in trial.corrupted_tests)
        self.corrupted = [known[key] for key in planned if key in known]

    def save(self, folder: Path) -> None:
        """Write ``result.json``; a reader sees the whole file or none."""
        write_json(folder / RESULT_FILE, {"schema_version": SCHEMA_VERSION, **asdict(self)})

    @classmethod
    def load(cls, folder: Path) -> "TrialResult | None":
        """Read ``result.json``; None where there is none that this version wrote whole."""
        try:
            content = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
            if content.pop("schema_version") not in READ_VERSIONS:
                return None
            result = cls.from_content(content)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return result

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> "TrialResult":
        """A result from the fields that JSON has of it; what was null in numbers is NaN."""
        result = cls(**content)
        result.metrics = _numbers(result.metrics)
        result.learning_curve = [_number(value) for value in result.learning_curve]
        result.corrupted = [CorruptedTest(**test) for test in content.get("corrupted") or ()]
        for test in result.corrupted:
            test.metrics = _numbers(test.metrics)
        return result


def new_result(trial: Trial) -> TrialResult:
    """Return the result of a trial of which nothing is known yet."""
    return TrialResult(
        trial.model,
        trial.seed,
        trial.fingerprint,
        dataset=trial.dataset,
        setting=trial.setting,
        selection=trial.metric,
        date=datetime.now().astimezone().isoformat(" ", "seconds"),
        config=trial.config.pretty_text,
    )


def _numbers(metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {name: _number(value) for name, value in metrics.items()}


def _number(value: float | None) -> float:
    return math.nan if value is None else value
