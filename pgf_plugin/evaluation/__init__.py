"""Metrics: pure functions, their catalogue, and the component that mmengine's evaluators build."""

from pgf_plugin.evaluation.catalogue import (
    HIGHER_IS_BETTER,
    METRICS,
    SCALES,
    MetricInfo,
    msa_metrics,
)
from pgf_plugin.evaluation.class_metric import MSAClassificationMetric, MSAMultilabelMetric
from pgf_plugin.evaluation.classification import (
    MOSEI_EMOTIONS,
    class_metrics,
    confusion_matrix,
    multilabel_metrics,
)
from pgf_plugin.evaluation.metrics import MSAMetric, Prediction

__all__ = [
    "HIGHER_IS_BETTER",
    "METRICS",
    "MOSEI_EMOTIONS",
    "SCALES",
    "MSAClassificationMetric",
    "MSAMetric",
    "MSAMultilabelMetric",
    "MetricInfo",
    "Prediction",
    "class_metrics",
    "confusion_matrix",
    "msa_metrics",
    "multilabel_metrics",
]
