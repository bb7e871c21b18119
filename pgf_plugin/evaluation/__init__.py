"""Metrics: pure functions, their catalogue, and the component that mmengine's evaluators build."""

from pgf_plugin.evaluation.catalogue import (
    HIGHER_IS_BETTER,
    METRICS,
    SCALES,
    MetricInfo,
    msa_metrics,
)
from pgf_plugin.evaluation.metrics import MSAMetric, Prediction

__all__ = [
    "HIGHER_IS_BETTER",
    "METRICS",
    "SCALES",
    "MSAMetric",
    "MetricInfo",
    "Prediction",
    "msa_metrics",
]
