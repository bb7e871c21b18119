"""Compares two rows of a table on the seeds and the test utterances that they share."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pgf_plugin.bench.predictions import absolute_errors, load_predictions, utterance_names
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.evaluation.statistics import (
    ALPHA,
    MIN_SEEDS,
    MIN_UTTERANCES,
    Interval,
    PairedTest,
    bootstrap_interval,
    crossed_test,
    holm,
    seeds_interval,
    seeds_test,
    utterances_p,
)

_ROUNDING = 1e-3
"""How far the MAE of the table may lie from that of the predictions, which are float32."""


class Errors(NamedTuple):
    """Test errors of the finished trials of one row.

    Attributes:
        maes: seed to test MAE.
        utterances: absolute error by utterance (rows) and seed (columns), (N, S); None where a
            trial left no predictions, or such that do not give its MAE.
    """

    maes: dict[int, float]
    utterances: pd.DataFrame | None

    def interval(self) -> Interval | None:
        """95 % interval of the mean; None where there is too little to take one of."""
        if not self.maes or not all(map(math.isfinite, self.maes.values())):
            return None
        if self.utterances is not None:
            return bootstrap_interval(self.utterances.to_numpy().T)
        return seeds_interval([*self.maes.values()])


class Comparison(NamedTuple):
    """How the MAE of one row differs from that of another, its reference.

    Attributes:
        reference: label of the reference.
        difference: mean over the common seeds; below 0 where the row is better.
        low, high: 95 % confidence interval of the difference; NaN where there was no test.
        p: p value of the primary test, see :func:`~pgf_plugin.evaluation.statistics.crossed_test`
            (over the seeds alone without predictions); NaN where there was no test.
        p_corrected: p after Holm's correction for the number of comparisons.
        p_seeds, p_utterances: of a paired t-test over seeds alone, and of a permutation test over
            utterances alone, uncorrected; NaN where there is none.
        seeds, utterances: how many are common.
        comparisons: how many p was corrected for.
        why_not: why there was no test; empty where there was one.
    """

    reference: str
    difference: float
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_corrected: float = math.nan
    p_seeds: float = math.nan
    p_utterances: float = math.nan
    seeds: int = 0
    utterances: int = 0
    comparisons: int = 1
    why_not: str = ""

    @property
    def verdict(self) -> str:
        """``'better'``, ``'worse'``, ``'not distinguishable'``; ``'not tested'`` without a test."""
        if self.why_not:
            return "not tested"
        if not self.p_corrected < ALPHA:
            return "not distinguishable"
        return "better" if self.difference < 0 else "worse"


def load_errors(trials: Sequence[TrialResult], work_dir: Path | None) -> Errors:
    """Read the errors of the finished trials of one row.

    Args:
        trials: finished trials of one model, dataset and setting.
        work_dir: folder of the bench; None where there are no predictions.
    """
    maes = {trial.seed: trial.metrics.get("MAE", math.nan) for trial in trials}
    if work_dir is None or not trials:
        return Errors(maes, None)
    columns = {}
    for trial in trials:
        errors = _errors_of(trial, work_dir)
        if errors is None:
            return Errors(maes, None)
        columns[trial.seed] = errors
    table = pd.concat(columns, axis=1, join="inner")
    return Errors(maes, table if len(table) >= MIN_UTTERANCES else None)


def _errors_of(trial: TrialResult, work_dir: Path) -> pd.Series | None:
    if "MAE" not in trial.metrics:
        return None  # scores of classes have no error
    frame = load_predictions(trial.folder(work_dir))
    if frame is None or frame.empty or frame[["label", "prediction"]].isna().any(axis=None):
        return None
    # As they are, or as the metric of CH-SIMS takes them.
    candidates = [absolute_errors(frame, bound) for bound in (math.inf, 1.0)]
    errors = min(candidates, key=lambda each: abs(each.mean() - trial.metrics["MAE"]))
    if not abs(errors.mean() - trial.metrics["MAE"]) < _ROUNDING:
        return None  # of another run, or on another scale than the metric's
    # With the label, so that utterances of two test sets that number theirs alike never pair.
    labels = frame["label"].map(lambda label: np.round(label, 4))
    keys = [f"{name} {label}" for name, label in zip(utterance_names(frame), labels, strict=True)]
    return pd.Series(errors, index=keys)


def compare(errors: Errors, reference: Errors, label: str = "") -> Comparison:
    """Compare a row with its reference, paired; not yet corrected for other comparisons.

    Args:
        errors: of the row.
        reference: of its reference.
        label: name of the reference.
    """
    seeds = sorted(set(errors.maes) & set(reference.maes))
    differences = [errors.maes[seed] - reference.maes[seed] for seed in seeds]
    mean = float(np.mean(differences)) if seeds else math.nan
    table = _common_utterances(errors, reference, seeds)
    count = 0 if table is None else len(table)
    found = Comparison(label, mean, seeds=len(seeds), utterances=count)
    if why := _why_not(differences, table):
        return found._replace(why_not=why)
    of_seeds = seeds_test(differences)
    if table is None:
        return _with_test(found, of_seeds)._replace(p_seeds=of_seeds.p)
    matrix = table.to_numpy().T
    return _with_test(found, crossed_test(matrix))._replace(
        p_seeds=of_seeds.p, p_utterances=utterances_p(matrix)
    )


def correct(comparisons: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """Correct the p values of comparisons, by any key, for their number."""
    p_values = holm([each.p for each in comparisons.values()])
    count = sum(not math.isnan(p) for p in p_values)
    return {
        key: each._replace(p_corrected=p, comparisons=count)
        for (key, each), p in zip(comparisons.items(), p_values, strict=True)
    }


def _common_utterances(
    errors: Errors, reference: Errors, seeds: Sequence[int]
) -> pd.DataFrame | None:
    """Difference by utterance and seed; None where one has no predictions."""
    if errors.utterances is None or reference.utterances is None or not seeds:
        return None
    first, second = errors.utterances[seeds], reference.utterances[seeds]
    common = first.index.intersection(second.index)
    return first.loc[common] - second.loc[common]


def _why_not(differences: Sequence[float], table: pd.DataFrame | None) -> str:
    """Why the differences cannot be tested, if so."""
    if not differences:
        return "no common seed"
    if not all(map(math.isfinite, differences)):
        return "MAE not finite"
    if len(differences) == 1:
        return "one common seed"
    if table is not None and len(table) < MIN_UTTERANCES:
        return f"{len(table)} common utterances"
    if table is None and len(differences) < MIN_SEEDS:
        return "no predictions, two seeds"
    return ""


def _with_test(comparison: Comparison, test: PairedTest) -> Comparison:
    return comparison._replace(
        difference=test.difference, low=test.low, high=test.high, p=test.p, p_corrected=test.p
    )
