"""The metrics as a component that mmengine's evaluators build."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.evaluator import BaseMetric

from pgf_plugin.errors import check_one_of
from pgf_plugin.evaluation.functional import METRICS as MSA_METRICS
from pgf_plugin.evaluation.functional import msa_metrics
from pgf_plugin.registry import METRICS


class Prediction(NamedTuple):
    """One evaluated utterance."""

    sample_id: str
    label: float
    prediction: float


@METRICS.register_module()
class MSAMetric(BaseMetric):
    """MAE, Corr, Acc-7, Acc-5, Acc-2 and weighted F1 (has0 and non0) of one sentiment score.

    Result keys are those of :data:`pgf_plugin.evaluation.functional.METRICS`, without a prefix
    unless one is given; values are fractions. Checkpoints are chosen by ``save_best='MAE'`` with
    ``rule='less'``.

    Args:
        out_file: ``.json`` or ``.csv`` file for the predictions of every evaluation, one row an
            utterance (sample_id, label, prediction), for paired tests; a later evaluation
            overwrites it.
        **kwargs: ``prefix``, ``collect_device`` and ``collect_dir`` of
            :class:`mmengine.evaluator.BaseMetric`.

    Attributes:
        predictions: rows of the latest evaluation, in the order of the dataset.

    Raises:
        ValueError: on evaluation, for a sample without label or prediction, for more than one
            score a sample, and for predictions that are not finite (a run that diverged).
    """

    # An empty string, unlike None, means "no prefix" without a warning.
    default_prefix = ""

    def __init__(self, out_file: str | Path | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_file = None if out_file is None else Path(out_file)
        if self.out_file is not None:
            check_one_of("the suffix of MSAMetric.out_file", self.out_file.suffix, _WRITERS)
        self.predictions: list[Prediction] = []

    @classmethod
    def metric_names(cls, **arguments: Any) -> tuple[str, ...]:
        """Names, without prefix, of what a metric with these arguments returns."""
        return tuple(MSA_METRICS)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect one batch of predicted samples."""
        for sample in data_samples:
            sample_id = str(sample.get("sample_id", len(self.results)))
            label, prediction = (_score(sample, sample_id, key) for key in ("label", "prediction"))
            self.results.append(Prediction(sample_id, label, prediction))

    def compute_metrics(self, results: list[tuple[str, float, float]]) -> dict[str, float]:
        """Return the metrics of a whole dataset and keep its predictions."""
        # BaseMetric hands named tuples back as plain ones.
        self.predictions = [Prediction(*row) for row in results]
        diverged = [row.sample_id for row in self.predictions if not math.isfinite(row.prediction)]
        if diverged:
            raise ValueError(
                f"the model predicts NaN or infinity for {len(diverged)} of {len(results)} samples "
                f"(first: {diverged[0]!r}): the run diverged; lower optim_wrapper.optimizer.lr or "
                "set optim_wrapper.clip_grad"
            )
        if self.out_file is not None:
            self.out_file.parent.mkdir(parents=True, exist_ok=True)
            _WRITERS[self.out_file.suffix](self.out_file, self.predictions)
        return msa_metrics(
            [row.prediction for row in self.predictions], [row.label for row in self.predictions]
        )


def _score(sample: dict, sample_id: str, key: str) -> float:
    if key not in sample:
        raise ValueError(f"MSAMetric: sample {sample_id!r} has no {key}")
    value = sample[key]
    if value.numel() != 1:
        raise ValueError(
            f"MSAMetric scores one number a sample, but the {key} of {sample_id!r} has "
            f"{value.numel()}"
        )
    return float(value)


def _write_json(path: Path, rows: list[Prediction]) -> None:
    path.write_text(json.dumps([row._asdict() for row in rows], indent=1), encoding="utf-8")


def _write_csv(path: Path, rows: list[Prediction]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Prediction._fields)
        writer.writerows(rows)


_WRITERS = {".json": _write_json, ".csv": _write_csv}
