"""What metrics of several scores a sample share: they collect, check, and keep whole matrices."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from pgf_plugin.errors import ConfigError
from pgf_plugin.evaluation.inputs import check_any, check_diverged, of_sample

if TYPE_CHECKING:
    import pandas as pd


class ScoresMetric(BaseMetric):
    """Base of metrics of several scores a sample; subclasses say what is measured and confused.

    Args:
        names: of the scores, in their order.
        num_labels: labels a sample.
        confusion_file: ``.csv`` file for the table of :meth:`confusion`, written by every
            evaluation; None for none.
        **kwargs: ``prefix``, ``collect_device`` and ``collect_dir`` of
            :class:`mmengine.evaluator.BaseMetric`.
    """

    # An empty string, unlike None, means "no prefix" without a warning.
    default_prefix = ""

    def __init__(
        self,
        names: Sequence[str],
        num_labels: int,
        confusion_file: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.names = tuple(names)
        self.num_labels = num_labels
        self.confusion_file = None if confusion_file is None else Path(confusion_file)
        if self.confusion_file is not None and self.confusion_file.suffix != ".csv":
            raise ConfigError(
                f"{type(self).__name__}.confusion_file must end in .csv, got "
                f"{str(confusion_file)!r}"
            )
        self.table: pd.DataFrame | None = None

    @abstractmethod
    def measure(self, scores: Tensor, label: Tensor) -> dict[str, float]:
        """Metrics of a whole dataset: scores (N, C) and labels (N, num_labels)."""

    @abstractmethod
    def confusion(self, scores: Tensor, label: Tensor) -> "pd.DataFrame":
        """What was taken for what, with names for the rows and columns."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect one batch of predicted samples."""
        for sample in data_samples:
            sample_id = str(sample.get("sample_id", len(self.results)))
            label = self._numbers(sample, sample_id, "label", self.num_labels)
            scores = self._numbers(sample, sample_id, "prediction", len(self.names))
            self.results.append((sample_id, label, scores))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Return the metrics of a whole dataset, and keep its confusions in ``table``."""
        check_any(results)
        ids, labels, scores = zip(*results, strict=True)
        prediction = torch.tensor(np.stack(scores))
        check_diverged(prediction, ids)
        label = torch.tensor(np.stack(labels))
        measured = self.measure(prediction, label)
        self.table = self.confusion(prediction, label)
        if self.confusion_file is not None:
            self.confusion_file.parent.mkdir(parents=True, exist_ok=True)
            self.table.to_csv(self.confusion_file)
        return measured

    def _numbers(self, sample: dict, sample_id: str, key: str, count: int) -> np.ndarray:
        kind = type(self).__name__
        value = of_sample(sample, key, sample_id, kind)
        if value.numel() != count:
            place = (
                "model.head.out_features"
                if key == "prediction"
                else "the labels of the dataset (label, num_classes, target)"
            )
            raise ValueError(
                f"{kind} has {len(self.names)} classes or labels ({', '.join(self.names[:8])}) and "
                f"takes {count} numbers as the {key} of a sample, but that of {sample_id!r} has "
                f"{value.numel()}: correct val_evaluator and test_evaluator, or {place}"
            )
        return value.detach().cpu().double().flatten().numpy()
