"""Metrics of classes and of several labels at once, by the functions of torchmetrics.

All results are fractions. Scores are those of a model, without softmax or sigmoid: the class of a
sample is that of its highest score, and one of several labels is predicted where its score is
above 0, which is a probability of more than a half.

Where torchmetrics and what is reported of emotions allow several definitions, these are taken:

- A class that has no sample does not count in the balanced accuracy (the unweighted average recall,
  UAR), nor in the macro F1 unless it is predicted, as in scikit-learn.
- The weighted accuracy of an emotion is the mean of the recalls of its presence and of its absence,
  (TP / P + TN / N) / 2: Tong et al., ACL 2017, as CMU-MOSEI (Zadeh et al., ACL 2018) reports it.
  Where one of both has no sample it is NaN, and so is the average precision of an emotion that
  nobody has; means over emotions leave NaN out.
"""

import math

import torch
from torch import Tensor

from pgf_plugin.evaluation.inputs import Values, as_class_pair, as_label_pair

MOSEI_EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")
"""The emotions of CMU-MOSEI, in the order of its labels."""


def class_metrics(scores: Values, label: Values, num_classes: int) -> dict[str, float]:
    """Accuracy, balanced accuracy (UAR), macro and weighted F1, and the F1 of each class.

    Args:
        scores: (N, C).
        label: classes 0 … C - 1, (N,) or (N, 1).
        num_classes: C, at least 2.

    Returns:
        ``Acc``, ``UAR``, ``F1_macro``, ``F1_weighted``, and ``F1_of_0`` … by class.

    Raises:
        ValueError: for no samples, lengths or shapes that do not fit, a label that is no class, NaN
            or infinity.
    """
    from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score

    values, true = as_class_pair(scores, label, num_classes)
    predicted = values.argmax(dim=1)
    f1 = {
        average: multiclass_f1_score(predicted, true, num_classes, average=average)
        for average in ("macro", "weighted", None)
    }
    return {
        "Acc": float(multiclass_accuracy(predicted, true, num_classes, average="micro")),
        "UAR": float(_recall_of_present(predicted, true, num_classes)),
        "F1_macro": float(f1["macro"]),
        "F1_weighted": float(f1["weighted"]),
        **{f"F1_of_{number}": float(value) for number, value in enumerate(f1[None])},
    }


def _recall_of_present(predicted: Tensor, true: Tensor, num_classes: int) -> Tensor:
    """Mean recall of the classes that there are; one that is only predicted does not count."""
    from torchmetrics.functional.classification import multiclass_recall

    recalls = multiclass_recall(predicted, true, num_classes, average=None)
    return recalls[true.unique()].mean()


def confusion_matrix(scores: Values, label: Values, num_classes: int) -> Tensor:
    """How many samples of each class (rows) were taken for which (columns), (C, C) int64.

    Arguments and errors are those of :func:`class_metrics`.
    """
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    values, true = as_class_pair(scores, label, num_classes)
    return multiclass_confusion_matrix(values.argmax(dim=1), true, num_classes)


def multilabel_metrics(scores: Values, label: Values, num_labels: int) -> dict[str, float]:
    """Weighted accuracy, F1 and average precision of several labels that may hold together.

    Args:
        scores: (N, K); a label is predicted where its score is above 0.
        label: (N, K), 0 or 1.
        num_labels: K, at least 2; one label is a task of two classes.

    Returns:
        ``WA`` (mean over the labels), ``F1_macro``, ``F1_micro``, ``mAP``, and ``WA_of_0``,
        ``F1_of_0`` … by label.

    Raises:
        ValueError: for no samples, lengths or shapes that do not fit, a label that is neither 0 nor
            1, NaN or infinity.
    """
    from torchmetrics.functional.classification import (
        binary_average_precision,
        multilabel_f1_score,
        multilabel_recall,
        multilabel_specificity,
    )

    values, true = as_label_pair(scores, label, num_labels)
    predicted = (values > 0).long()
    recall = multilabel_recall(predicted, true, num_labels, average=None)
    specificity = multilabel_specificity(predicted, true, num_labels, average=None)
    present = true.bool()
    known = present.any(dim=0) & ~present.all(dim=0)  # (K,)
    weighted = ((recall + specificity) / 2).masked_fill(~known, torch.nan)
    f1 = multilabel_f1_score(predicted, true, num_labels, average=None)
    micro = multilabel_f1_score(predicted, true, num_labels, average="micro")
    # By rank, which is all that counts: probabilities of large scores are all 1.
    ranks = torch.stack([torch.unique(column, return_inverse=True)[1] for column in values.T])
    ordered = ranks.double() / len(values)  # (K, N)
    precisions = [
        float(binary_average_precision(ordered[place], true[:, place]))
        for place in present.any(dim=0).nonzero().flatten().tolist()
    ]
    return {
        "WA": float(weighted.nanmean()),
        "F1_macro": float(f1.mean()),
        "F1_micro": float(micro),
        "mAP": sum(precisions) / len(precisions) if precisions else math.nan,
        **{f"WA_of_{number}": float(value) for number, value in enumerate(weighted)},
        **{f"F1_of_{number}": float(value) for number, value in enumerate(f1)},
    }
