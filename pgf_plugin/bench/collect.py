"""From the results of trials to one row for each model, dataset and setting."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pgf_plugin.bench.names import row_label
from pgf_plugin.bench.paired import Comparison, Errors, compare, correct, load_errors
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.errors import ConfigError, did_you_mean
from pgf_plugin.evaluation.statistics import Interval


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
        interval: 95 % interval of the mean MAE; None where there is too little to take one of.
        against: how the MAE differs from the reference's; None for the reference itself, without
            one, and where no trial finished.
        stands_out: whether the MAE is the lowest of the dataset, and better than that of each
            other row by the paired test, corrected for their number.
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
    interval: Interval | None = None
    against: Comparison | None = None
    stands_out: bool = False

    @property
    def label(self) -> str:
        """Model, dataset and setting as one name."""
        return row_label(self.model, self.dataset, self.setting)

    @property
    def name(self) -> str:
        """Model and setting as one name: the label within the table of a dataset."""
        return row_label(self.model, "", self.setting)


def collect(
    results: Sequence[TrialResult], work_dir: Path | None = None, reference: str = ""
) -> list[Row]:
    """Group ``results`` by model, dataset and setting, in the order of their first trial.

    Args:
        results: of the trials of one bench.
        work_dir: folder of the bench, for the predictions of its trials; intervals and tests are
            over the seeds alone where it is None.
        reference: name of a model, or of a model with its setting as the table shows it. Each row
            is compared with the first row of that name on the same dataset. Empty compares none.

    Raises:
        ConfigError: if no row has the name ``reference``.
    """
    groups: dict[tuple[str, str, str], list[TrialResult]] = {}
    for result in results:
        groups.setdefault((result.model, result.dataset, result.setting), []).append(result)
    rows = [_row(trials) for trials in groups.values()]
    _check_reference(reference, results)
    errors = {
        row.label: load_errors([each for each in trials if each.status == "finished"], work_dir)
        for row, trials in zip(rows, groups.values(), strict=True)
    }
    against = _against(rows, errors, reference)
    outstanding = {_outstanding(each, errors) for each in by_dataset(rows).values()}
    return [
        row._replace(
            interval=errors[row.label].interval(),
            against=against.get(row.label),
            stands_out=row.label in outstanding,
        )
        for row in rows
    ]


def by_dataset(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each dataset, in the order of their first."""
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row.dataset, []).append(row)
    return tables


def _check_reference(reference: str, trials: Sequence[TrialResult]) -> None:
    """Refuse a reference that is not in the table of ``trials``.

    Raises:
        ConfigError: naming the models that there are.
    """
    models = [trial.model for trial in trials]
    rows = [row_label(trial.model, "", trial.setting) for trial in trials]
    names = list(dict.fromkeys([*models, *rows]))
    if reference and reference not in names:
        raise ConfigError(
            f"bench.reference: {reference!r} is not in the table, which has {names}."
            f"{did_you_mean(reference, names)}"
        )


def _against(
    rows: Sequence[Row], errors: dict[str, Errors], reference: str
) -> dict[str, Comparison]:
    """Compare each row with the reference of its dataset, corrected for all comparisons."""
    if not reference:
        return {}
    found = {}
    for table in by_dataset(rows).values():
        named = [row for row in table if reference in (row.model, row.name)]
        if not named or not named[0].seeds:
            continue
        other = named[0]
        for row in table:
            if row.seeds and row is not other:
                found[row.label] = compare(errors[row.label], errors[other.label], other.name)
    return correct(found)


def _outstanding(rows: Sequence[Row], errors: dict[str, Errors]) -> str | None:
    """Label of the row that is better than each other of its dataset, if there is one."""
    known = [row for row in rows if row.seeds and "MAE" in row.metrics]
    known = [row for row in known if math.isfinite(row.metrics["MAE"].mean)]
    if len(known) < 2:
        return None
    best = min(known, key=lambda row: row.metrics["MAE"].mean)
    others = {row.label: row for row in known if row is not best}
    tests = correct({name: compare(errors[best.label], errors[name], name) for name in others})
    return best.label if all(each.verdict == "better" for each in tests.values()) else None


def _row(trials: list[TrialResult]) -> Row:
    model, dataset, setting = trials[0].model, trials[0].dataset, trials[0].setting
    finished = [trial for trial in trials if trial.status == "finished"]
    failed = [trial.seed for trial in trials if trial.status != "finished"]
    if not finished:
        return Row(model, [], failed, {}, None, None, None, None, dataset, setting)
    first = finished[0]
    names = dict.fromkeys(name for trial in finished for name in trial.metrics)
    return Row(
        model,
        [trial.seed for trial in finished],
        failed,
        {
            name: Spread.of([trial.metrics.get(name, math.nan) for trial in finished])
            for name in names
        },
        Spread.of([trial.ms_per_utterance or math.nan for trial in finished]),
        first.trainable,
        first.total,
        first.trainable_without_encoder,
        dataset,
        setting,
    )
