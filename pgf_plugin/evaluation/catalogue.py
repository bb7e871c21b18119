"""The metrics by name: which belong to a data set, their direction, and how tables show them."""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from pgf_plugin.errors import check_one_of
from pgf_plugin.evaluation import functional as F
from pgf_plugin.evaluation.classification import class_metrics, multilabel_metrics
from pgf_plugin.evaluation.inputs import Values, count_scores

Compute = Callable[[Values, Values], float]


class MetricInfo(NamedTuple):
    """One metric and how to show it.

    Attributes:
        name: key in results, such as ``'Acc2_has0'``.
        label: name in tables, such as ``'Acc-2 (has0)'``.
        higher_is_better: direction.
        percent: whether tables show it as a percentage; results are fractions in any case.
        mmsa: its key in the results of MMSA; empty where MMSA has none.
        compute: ``(prediction, label) -> float``.
        as_mmsa: the same with the value of MMSA where that is NaN or wrong; None where it is not.
    """

    name: str
    label: str
    higher_is_better: bool
    percent: bool
    mmsa: str
    compute: Compute
    as_mmsa: Compute | None = None


def _error(compute: Compute) -> MetricInfo:
    return MetricInfo("MAE", "MAE", False, False, "MAE", compute)


def _correlation(compute: Callable[..., float]) -> MetricInfo:
    as_mmsa = partial(compute, constant=math.nan)
    return MetricInfo("Corr", "Corr", True, False, "Corr", compute, as_mmsa)


def _share(
    name: str, label: str, mmsa: str, compute: Compute, as_mmsa: Compute | None = None
) -> MetricInfo:
    return MetricInfo(name, label, True, True, mmsa, compute, as_mmsa)


def _polar(name: str, label: str, mmsa: str, compute: Callable[..., float]) -> list[MetricInfo]:
    has0, non0 = (partial(compute, zeros=zeros) for zeros in (True, False))
    return [
        _share(f"{name}_has0", f"{label} (has0)", f"Has0_{mmsa}", has0),
        _share(
            f"{name}_non0",
            f"{label} (non0)",
            f"Non0_{mmsa}",
            non0,
            partial(non0, reproduce_mmsa=True)
            if compute in (F.polar_accuracy, F.polar_f1)
            else None,
        ),
    ]


MOSI_METRICS: tuple[MetricInfo, ...] = (
    _error(F.mean_absolute_error),
    _correlation(F.pearson_correlation),
    _share("Acc7", "Acc-7", "Mult_acc_7", partial(F.rounded_accuracy, bound=3)),
    _share("Acc5", "Acc-5", "Mult_acc_5", partial(F.rounded_accuracy, bound=2)),
    *_polar("Acc2", "Acc-2", "acc_2", F.binary_accuracy),
    *_polar("F1", "F1", "F1_score", F.binary_f1),
)
"""Metrics of scores in -3 … 3: MOSI and MOSEI, in the order of tables."""

SIMS_METRICS: tuple[MetricInfo, ...] = (
    _error(partial(F.clipped, F.mean_absolute_error)),
    _correlation(partial(F.clipped, F.pearson_correlation)),
    _share("Acc5", "Acc-5", "Mult_acc_5", partial(F.binned_accuracy, bounds=F.SIMS_FIVE)),
    _share("Acc3", "Acc-3", "Mult_acc_3", partial(F.binned_accuracy, bounds=F.SIMS_THREE)),
    _share("Acc2", "Acc-2", "Mult_acc_2", partial(F.binned_accuracy, bounds=F.SIMS_TWO)),
    _share("F1", "F1", "F1_score", partial(F.binned_f1, bounds=F.SIMS_TWO)),
)
"""Metrics of scores in -1 … 1: CH-SIMS, and CH-SIMS v2 by the same definitions."""

CLASS_METRICS: tuple[MetricInfo, ...] = (
    _share("Acc3", "Acc-3", "Acc_3", F.class_accuracy),
    _share("F1_3", "F1-3", "F1_score_3", F.class_f1),
    *_polar("Acc2", "Acc-2", "acc_2", F.polar_accuracy),
    *_polar("F1", "F1", "F1_score", F.polar_f1),
)
"""Metrics of three classes: negative (0), neutral (1), positive (2)."""

SCALES: dict[str, tuple[MetricInfo, ...]] = {
    "mosi": MOSI_METRICS,
    "mosei": MOSI_METRICS,
    "sims": SIMS_METRICS,
    "simsv2": SIMS_METRICS,
    "classes": CLASS_METRICS,
}
"""What labels mean (a data set's regression, or three classes) to its metrics."""


def _of(metrics: Callable[..., dict[str, float]], name: str) -> Compute:
    """One of several metrics of as many classes or labels as there are scores."""
    return lambda scores, label: metrics(scores, label, count_scores(scores))[name]


SEVERAL_CLASSES: tuple[MetricInfo, ...] = tuple(
    _share(name, shown, "", _of(class_metrics, name))
    for name, shown in (
        ("Acc", "Acc"),
        ("UAR", "UAR"),
        ("F1_macro", "F1 (macro)"),
        ("F1_weighted", "F1 (weighted)"),
    )
)
"""Metrics of any number of classes, those of ``MSAClassificationMetric``."""

SEVERAL_LABELS: tuple[MetricInfo, ...] = tuple(
    _share(name, shown, "", _of(multilabel_metrics, name))
    for name, shown in (
        ("WA", "WA"),
        ("F1_macro", "F1 (macro)"),
        ("F1_micro", "F1 (micro)"),
        ("mAP", "mAP"),
    )
)
"""Metrics of labels that may hold together, those of ``MSAMultilabelMetric``."""

METRICS: dict[str, MetricInfo] = {
    info.name: info
    for infos in (*reversed(SCALES.values()), SEVERAL_CLASSES, SEVERAL_LABELS)
    for info in infos
}
"""How each metric is shown, by name; names that scales share are shown alike."""

HIGHER_IS_BETTER: dict[str, bool] = {name: info.higher_is_better for name, info in METRICS.items()}


Rule = Literal["less", "greater"]
"""The engine's words for the direction of a metric."""


def rule_of(name: str) -> Rule | None:
    """The direction of a metric.

    Args:
        name: of a metric, behind the prefix of its evaluator if that has one.

    Returns:
        None for a metric that is not in :data:`METRICS`.
    """
    info = METRICS.get(name.rpartition("/")[2])
    if info is None:
        return None
    return "greater" if info.higher_is_better else "less"


def msa_metrics(
    prediction: Values, label: Values, scale: str = "mosi", *, reproduce_mmsa: bool = False
) -> dict[str, float]:
    """Compute every metric of a scale.

    Args:
        prediction: scores, (N,) or (N, 1); (N, 3) for ``'classes'``.
        label: labels, (N,) or (N, 1).
        scale: a key of :data:`SCALES`.
        reproduce_mmsa: give MMSA's value also where it is NaN or wrong, see
            :mod:`pgf_plugin.evaluation.functional`.

    Returns:
        Fractions by name (MAE in units of the label).

    Raises:
        ValueError: for an unknown scale, no samples, lengths or shapes that do not fit, a label
            that is no class, NaN or infinity.
    """
    infos = SCALES[check_one_of("scale", scale, SCALES)]
    return {
        info.name: ((reproduce_mmsa and info.as_mmsa) or info.compute)(prediction, label)
        for info in infos
    }
