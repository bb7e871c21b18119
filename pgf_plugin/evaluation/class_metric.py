"""The metrics of classes and of several labels as components that mmengine's evaluators build."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pgf_plugin.errors import ConfigError, check_positive_int, check_text
from pgf_plugin.evaluation.classification import (
    MOSEI_EMOTIONS,
    class_metrics,
    confusion_matrix,
    multilabel_metrics,
)
from pgf_plugin.evaluation.collected import ScoresMetric
from pgf_plugin.registry import METRICS

if TYPE_CHECKING:
    import pandas as pd


@METRICS.register_module()
class MSAClassificationMetric(ScoresMetric):
    """Accuracy, balanced accuracy (UAR), macro and weighted F1, and the F1 of each class.

    Keys: ``Acc``, ``UAR``, ``F1_macro``, ``F1_weighted``, and ``F1_of_NAME`` by class; values are
    fractions. Checkpoints are chosen by ``save_best='Acc'`` with ``rule='greater'``.

    Args:
        num_classes: C, the model's scores a sample; labels are 0 … C - 1.
        class_names: C names; None for the numbers.
        confusion_file: ``.csv`` file for the confusion matrix, a row a true class and a column a
            predicted one; a later evaluation overwrites it. The log directory gets it by
            :class:`~pgf_plugin.hooks.ConfusionHook`.
        **kwargs: of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: for fewer than two classes, or another number of names; on evaluation, for a
            sample without label or prediction, or with another number of scores, a label that is no
            class, and for predictions that are not finite (a run that diverged).
    """

    def __init__(
        self,
        num_classes: int,
        class_names: Sequence[str] | None = None,
        confusion_file: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        check_positive_int("MSAClassificationMetric.num_classes", num_classes, at_least=2)
        numbers = [str(number) for number in range(num_classes)]
        names = _check_names("MSAClassificationMetric.class_names", class_names or numbers)
        if len(names) != num_classes:
            raise ConfigError(
                f"MSAClassificationMetric.class_names must have num_classes={num_classes} names, "
                f"got {len(names)}"
            )
        super().__init__(names, 1, confusion_file, **kwargs)

    @classmethod
    def metric_names(cls, **arguments: Any) -> tuple[str, ...]:
        """Names, without prefix, of what a metric with these arguments returns."""
        names = arguments.get("class_names") or range(arguments.get("num_classes", 0))
        return ("Acc", "UAR", "F1_macro", "F1_weighted", *(f"F1_of_{name}" for name in names))

    def measure(self, scores: Tensor, label: Tensor) -> dict[str, float]:
        """Metrics of scores (N, C) and labels (N, 1)."""
        return _named(class_metrics(scores, label, len(self.names)), self.names)

    def confusion(self, scores: Tensor, label: Tensor) -> "pd.DataFrame":
        """The confusion matrix (C, C), a row a true class."""
        import pandas as pd

        matrix = confusion_matrix(scores, label, len(self.names)).numpy()
        return pd.DataFrame(matrix, pd.Index(self.names, name="true"), self.names)


@METRICS.register_module()
class MSAMultilabelMetric(ScoresMetric):
    """Weighted accuracy, F1 and average precision of labels that may hold together: emotions.

    Keys: ``WA``, ``F1_macro``, ``F1_micro``, ``mAP``, and ``WA_of_NAME``, ``F1_of_NAME`` by label;
    values are fractions. Checkpoints are chosen by ``save_best='F1_macro'``, ``rule='greater'``.

    Args:
        label_names: K names, in the order of the labels; those of CMU-MOSEI's six emotions unless
            given.
        confusion_file: ``.csv`` file for the counts of each label: true and false positives and
            negatives.
        **kwargs: of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: for fewer than two names; on evaluation, as :class:`MSAClassificationMetric`,
            and for a label that is neither 0 nor 1.
    """

    def __init__(
        self,
        label_names: Sequence[str] = MOSEI_EMOTIONS,
        confusion_file: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        names = _check_names("MSAMultilabelMetric.label_names", label_names)
        if len(names) < 2:
            raise ConfigError(
                f"MSAMultilabelMetric.label_names must have two names or more, got {list(names)!r}"
                ": one label is a task of two classes, for MSAClassificationMetric(num_classes=2)"
            )
        super().__init__(names, len(names), confusion_file, **kwargs)

    @classmethod
    def metric_names(cls, **arguments: Any) -> tuple[str, ...]:
        """Names, without prefix, of what a metric with these arguments returns."""
        names = arguments.get("label_names", MOSEI_EMOTIONS)
        each = [f"{metric}_of_{name}" for metric in ("WA", "F1") for name in names]
        return ("WA", "F1_macro", "F1_micro", "mAP", *each)

    def measure(self, scores: Tensor, label: Tensor) -> dict[str, float]:
        """Metrics of scores and labels, (N, K) both."""
        return _named(multilabel_metrics(scores, label, len(self.names)), self.names)

    def confusion(self, scores: Tensor, label: Tensor) -> "pd.DataFrame":
        """Counts of each label, a row a label."""
        import pandas as pd

        predicted, true = scores > 0, label > 0.5
        pairs = {
            "true positive": predicted & true,
            "false positive": predicted & ~true,
            "false negative": ~predicted & true,
            "true negative": ~predicted & ~true,
        }
        counts = {name: found.sum(dim=0).numpy() for name, found in pairs.items()}
        return pd.DataFrame(counts, pd.Index(self.names, name="label"))


def _named(metrics: dict[str, float], names: Sequence[str]) -> dict[str, float]:
    """The same with the names of classes or labels in place of their numbers."""
    named = {}
    for key, value in metrics.items():
        metric, of, number = key.partition("_of_")
        named[f"{metric}_of_{names[int(number)]}" if of else key] = value
    return named


def _check_names(key: str, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ConfigError(f"{key} must be a list of names, got {names!r}")
    for name in names:
        check_text(f"a name of {key}", name)
    if len(set(names)) < len(names):
        raise ConfigError(f"{key} has a name twice: {list(names)!r}")
    return tuple(names)
