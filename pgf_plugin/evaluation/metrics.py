"""The metrics as a component that mmengine's evaluators build."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from pgf_plugin.errors import check_one_of
from pgf_plugin.evaluation.catalogue import MOSI_METRICS, SCALES, msa_metrics
from pgf_plugin.evaluation.inputs import check_any, check_diverged, of_sample
from pgf_plugin.json_files import write_json
from pgf_plugin.label_scale import other_scale
from pgf_plugin.registry import METRICS


class Prediction(NamedTuple):
    """One evaluated utterance; the prediction is a score, or one score a class."""

    sample_id: str
    label: float
    prediction: float | list[float]


@METRICS.register_module()
class MSAMetric(BaseMetric):
    """MAE, Corr, Acc-7, Acc-5, Acc-2 and weighted F1 (has0 and non0) of one sentiment score.

    These are MOSI's and MOSEI's; ``scale`` chooses those of CH-SIMS or of three classes. Result
    keys are those of :data:`pgf_plugin.evaluation.catalogue.SCALES`, without a prefix unless one
    is given; values are fractions. Checkpoints are chosen by ``save_best='MAE'`` with
    ``rule='less'``.

    Args:
        scale: ``'mosi'``, ``'mosei'``, ``'sims'``, ``'simsv2'``, or ``'classes'`` for negative (0),
            neutral (1) and positive (2), where a model predicts a score for each.
        reproduce_mmsa: report MMSA's value also where it is NaN or wrong; the cases are listed in
            :mod:`pgf_plugin.evaluation.functional`.
        out_file: ``.json`` or ``.csv`` file for the predictions of every evaluation, one row an
            utterance (sample_id, label, prediction), for paired tests; a later evaluation
            overwrites it.
        **kwargs: ``prefix``, ``collect_device`` and ``collect_dir`` of
            :class:`mmengine.evaluator.BaseMetric`.

    Attributes:
        predictions: rows of the latest evaluation, in the order of the dataset.

    Raises:
        ValueError: for an unknown scale; on evaluation, for a sample without label or prediction,
            for another number of scores a sample than the scale has, a label that is no class, and
            for predictions that are not finite (a run that diverged).
    """

    # An empty string, unlike None, means "no prefix" without a warning.
    default_prefix = ""

    def __init__(
        self,
        out_file: str | Path | None = None,
        scale: str = "mosi",
        reproduce_mmsa: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.scale = check_one_of("MSAMetric.scale", scale, SCALES)
        self.reproduce_mmsa = reproduce_mmsa
        self.out_file = None if out_file is None else Path(out_file)
        if self.out_file is not None:
            check_one_of("the suffix of MSAMetric.out_file", self.out_file.suffix, _WRITERS)
        self.predictions: list[Prediction] = []
        self._dtypes: dict[str, torch.dtype] = {}
        self._told = False

    @classmethod
    def metric_names(cls, **arguments: Any) -> tuple[str, ...]:
        """Names, without prefix, of what a metric with these arguments returns."""
        scale = arguments.get("scale", "mosi")
        return tuple(info.name for info in SCALES.get(scale, ()))

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect one batch of predicted samples."""
        for sample in data_samples:
            sample_id = str(sample.get("sample_id", len(self.results)))
            (label,) = self._numbers(sample, sample_id, "label", 1)
            scores = self._numbers(sample, sample_id, "prediction", self._num_scores)
            prediction = scores if self._num_scores > 1 else scores[0]
            self.results.append(Prediction(sample_id, label, prediction))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Return the metrics of a whole dataset and keep its predictions."""
        check_any(results)
        # BaseMetric hands named tuples back as plain ones.
        self.predictions = [Prediction(*row) for row in results]
        self._check_scale()
        # Back in the precision that they came in: it decides about scores at the edge of a class.
        prediction, label = (
            torch.tensor(
                [getattr(row, key) for row in self.predictions], dtype=self._dtypes.get(key)
            )
            for key in ("prediction", "label")
        )
        check_diverged(prediction, [row.sample_id for row in self.predictions])
        if self.out_file is not None:
            self.out_file.parent.mkdir(parents=True, exist_ok=True)
            _WRITERS[self.out_file.suffix](self.out_file, self.predictions)
        return msa_metrics(prediction, label, self.scale, reproduce_mmsa=self.reproduce_mmsa)

    def _check_scale(self) -> None:
        """Say once where classes of a scale are counted on another scale."""
        if not self._told and (doubt := self._doubt()) is not None:
            self._told = True
            print_log(doubt, "current", logging.WARNING)

    def _doubt(self) -> str | None:
        """Why the classes of this scale are not those of the labels."""
        low, high = (self.dataset_meta or {}).get("label_range", (-1.0, 1.0))
        useless = "of what MSAMetric gives, MAE and Corr alone say something, accuracies and F1 not"
        if self.scale != "classes" and low != -high:
            return f"the labels are of a scale of {low:g} to {high:g}, not around 0: {useless}"
        if SCALES[self.scale] is not MOSI_METRICS:  # the classes of -3 to 3
            return None
        found = other_scale([row.label for row in self.predictions])
        if found == "sims":
            return (
                f"all {len(self.predictions)} labels lie from -1 to 1, and MSAMetric counts the "
                f"classes of -3 to 3 (scale={self.scale!r}): if they are on the scale of CH-SIMS, "
                "set scale='sims' in val_evaluator and test_evaluator"
            )
        if found is not None:
            return (
                f"none of the {len(self.predictions)} labels is negative, which accuracies and F1 "
                f"of scale={self.scale!r} are about: {useless}. If they are classes, use "
                "MSAClassificationLoss and MSAClassificationMetric"
            )
        return None

    @property
    def _num_scores(self) -> int:
        return 3 if self.scale == "classes" else 1

    def _numbers(self, sample: dict, sample_id: str, key: str, count: int) -> list[float]:
        value = of_sample(sample, key, sample_id, "MSAMetric")
        if value.numel() != count:
            expected = "one number" if count == 1 else f"{count} scores, one a class,"
            raise ValueError(
                f"MSAMetric(scale={self.scale!r}) takes {expected} a sample, but the {key} of "
                f"{sample_id!r} has {value.numel()}: set the scale of val_evaluator and "
                "test_evaluator, or out_features of the model's head"
            )
        self._dtypes[key] = value.dtype
        return value.flatten().tolist()


def _write_json(path: Path, rows: list[Prediction]) -> None:
    write_json(path, [row._asdict() for row in rows])


def _write_csv(path: Path, rows: list[Prediction]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Prediction._fields)
        writer.writerows(rows)


_WRITERS = {".json": _write_json, ".csv": _write_csv}
