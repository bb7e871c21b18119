"""From the results of trials to one row for each model, dataset and setting."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from pgf_plugin.bench.names import row_label
from pgf_plugin.bench.result import TrialResult


class Spread(NamedTuple):
    """Mean and sample standard deviation over seeds.

    Attributes:
        mean: mean; NaN where one of the values is no finite number.
        std: standard deviation with n - 1 in the denominator; NaN for one seed.
    """

    mean: float
    std: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise ``values``, one a seed."""
        if not all(map(math.isfinite, values)):
            return cls(math.nan, math.nan)
        std = statistics.stdev(values) if len(values) > 1 else math.nan
        return cls(statistics.fmean(values), std)


class Row(NamedTuple):
    """One row of the table.

    Attributes:
        model: the model's name.
        seeds: seeds of the finished trials.
        failed: seeds of the failed trials.
        metrics: test metrics over the seeds, fractions.
        ms_per_utterance: inference time over the seeds.
        trainable, total, trainable_without_encoder: parameters; None where no trial finished.
        dataset, setting: their names, empty where a bench has one.
    """

    model: str
    seeds: list[int]
    failed: list[int]
    metrics: dict[str, Spread]
    ms_per_utterance: Spread | None
    trainable: int | None
    total: int | None
    trainable_without_encoder: int | None
    dataset: str = ""
    setting: str = ""

    @property
    def label(self) -> str:
        """Model, dataset and setting as one name."""
        return row_label(self.model, self.dataset, self.setting)


def collect(results: Sequence[TrialResult]) -> list[Row]:
    """Group ``results`` by model, dataset and setting, in the order of their first trial."""
    groups: dict[tuple[str, str, str], list[TrialResult]] = {}
    for result in results:
        groups.setdefault((result.model, result.dataset, result.setting), []).append(result)
    return [_row(trials) for trials in groups.values()]


def _row(trials: list[TrialResult]) -> Row:
    model, dataset, setting = trials[0].model, trials[0].dataset, trials[0].setting
    finished = [trial for trial in trials if trial.status == "finished"]
    failed = [trial.seed for trial in trials if trial.status != "finished"]
    if not finished:
        return Row(model, [], failed, {}, None, None, None, None, dataset, setting)
    first = finished[0]
    return Row(
        model,
        [trial.seed for trial in finished],
        failed,
        {name: Spread.of([trial.metrics[name] for trial in finished]) for name in first.metrics},
        Spread.of([trial.ms_per_utterance or math.nan for trial in finished]),
        first.trainable,
        first.total,
        first.trainable_without_encoder,
        dataset,
        setting,
    )
