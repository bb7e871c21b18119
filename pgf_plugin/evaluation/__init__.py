"""Metrics: pure functions, and the component that mmengine's evaluators build."""

from pgf_plugin.evaluation.functional import HIGHER_IS_BETTER, METRICS, MetricInfo, msa_metrics
from pgf_plugin.evaluation.metrics import MSAMetric, Prediction

__all__ = ["HIGHER_IS_BETTER", "METRICS", "MSAMetric", "MetricInfo", "Prediction", "msa_metrics"]
