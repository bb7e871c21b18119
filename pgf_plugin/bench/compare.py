"""Compares two benches, row by row, from what they left in their folders."""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from pgf_plugin.bench.basis import differing
from pgf_plugin.bench.collect import Row, collect
from pgf_plugin.bench.paired import Comparison, Errors, compare, correct, load_errors
from pgf_plugin.bench.report_files import RESULTS_FILE
from pgf_plugin.bench.result import SCHEMA_VERSION, TrialResult
from pgf_plugin.errors import DataError

Difference = tuple[str, str]
"""A value in the first bench, and in the second."""


class CommonRow(NamedTuple):
    """One row that both benches have.

    Attributes:
        first, second: the row in either.
        test: how the MAE of the second differs from that of the first, paired over the seeds and
            utterances that both have, corrected for all common rows; None where one has no
            finished trial.
        provenance: what the trials of a seed in both stand on differently: the name of each thing,
            and each pair of values of it.
    """

    first: Row
    second: Row
    test: Comparison | None
    provenance: dict[str, list[Difference]]


class BenchComparison(NamedTuple):
    """Two benches side by side.

    Attributes:
        common: rows of both.
        only_first, only_second: labels of the rows of one alone.
    """

    common: list[CommonRow]
    only_first: list[str]
    only_second: list[str]


def compare_benches(first: str | Path, second: str | Path) -> BenchComparison:
    """Compare the benches in two folders.

    Args:
        first: folder of the bench to compare with.
        second: folder of the other.

    Raises:
        FileNotFoundError: if one of them is no folder of a bench.
        DataError: if a ``results.json`` is damaged, or of a newer version.
    """
    one, two = _Bench.load(Path(first).expanduser()), _Bench.load(Path(second).expanduser())
    common = [label for label in one.rows if label in two.rows]
    tests = correct(
        {
            label: compare(two.errors(label), one.errors(label), str(first))
            for label in common
            if one.rows[label].seeds and two.rows[label].seeds
        }
    )
    return BenchComparison(
        [
            CommonRow(
                one.rows[label],
                two.rows[label],
                tests.get(label),
                _provenance(one.finished(label), two.finished(label)),
            )
            for label in common
        ],
        [label for label in one.rows if label not in two.rows],
        [label for label in two.rows if label not in one.rows],
    )


class _Bench(NamedTuple):
    """What one bench left: its folder, its trials, and its rows by label."""

    folder: Path
    results: list[TrialResult]
    rows: dict[str, Row]

    @classmethod
    def load(cls, folder: Path) -> "_Bench":
        results = load_results(folder)
        return cls(folder, results, {row.label: row for row in collect(results)})

    def finished(self, label: str) -> list[TrialResult]:
        return [r for r in self.results if r.label == label and r.status == "finished"]

    def errors(self, label: str) -> Errors:
        return load_errors(self.finished(label), self.folder)


def load_results(folder: Path) -> list[TrialResult]:
    """Read the trials of the bench in ``folder``.

    Raises:
        FileNotFoundError: if it is no folder of a bench.
        DataError: if its ``results.json`` is damaged, or of a newer version.
    """
    file = folder / RESULTS_FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"{folder} is no folder of a bench: it has no {RESULTS_FILE}. Give the --work-dir of a "
            "`pgf bench` that has ended"
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = content["schema_version"]
        trials = content["trials"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(file, error) from error
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise DataError(
            f"{file} has schema version {version!r}, and this pgf_plugin reads up to "
            f"{SCHEMA_VERSION}: update pgf_plugin"
        )
    try:
        return [_trial(trial) for trial in trials]
    except (AttributeError, TypeError, ValueError) as error:
        raise _damaged(file, error) from error


def as_json(found: BenchComparison) -> dict[str, Any]:
    """The comparison as JSON has it; NaN becomes null where it is written."""
    return {
        "common": [
            {
                "model": row.first.model,
                "dataset": row.first.dataset,
                "setting": row.first.setting,
                "metrics": {
                    name: {"first": a, "second": b, "difference": b - a}
                    for name, a, b in shared_metrics(row)
                },
                "mae_test": {**row.test._asdict(), "verdict": row.test.verdict}
                if row.test
                else None,
                "seeds": {"first": row.first.seeds, "second": row.second.seeds},
                "failed": {"first": row.first.failed, "second": row.second.failed},
                "provenance": row.provenance,
            }
            for row in found.common
        ],
        "only_first": found.only_first,
        "only_second": found.only_second,
    }


def shared_metrics(row: CommonRow) -> list[tuple[str, float, float]]:
    """Name of each metric that both have, and its means over all seeds of each."""
    first, second = row.first.metrics, row.second.metrics
    return [(name, first[name].mean, second[name].mean) for name in first if name in second]


def _trial(content: dict[str, Any]) -> TrialResult:
    """A trial from JSON, where null is NaN; what another minor version adds is left out."""
    known = {field.name for field in fields(TrialResult)}
    return TrialResult.from_content({k: value for k, value in content.items() if k in known})


def _damaged(file: Path, error: Exception) -> DataError:
    return DataError(
        f"{file} is damaged ({type(error).__name__}: {error}). Run the same `pgf bench` again: it "
        "repeats no finished trial, and writes the file anew"
    )


def _provenance(
    first: Sequence[TrialResult], second: Sequence[TrialResult]
) -> dict[str, list[Difference]]:
    others = {trial.seed: trial for trial in second}
    found: dict[str, dict[Difference, None]] = {}
    for trial in first:
        if trial.seed in others:
            for key, values in differing(trial, others[trial.seed]).items():
                found.setdefault(key, {})[values] = None
    return {key: list(values) for key, values in found.items()}
