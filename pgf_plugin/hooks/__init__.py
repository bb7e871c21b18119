"""Hooks for training: gates, what trains when, what a run may cost, and how it goes on."""

from pgf_plugin.hooks.confusion import ConfusionHook
from pgf_plugin.hooks.exact_resume import ExactResumeHook
from pgf_plugin.hooks.freeze_policy import FreezePolicyHook
from pgf_plugin.hooks.gate_statistics import GateStatisticsHook
from pgf_plugin.hooks.gate_warmup import GateWarmupHook
from pgf_plugin.hooks.micro_batch import MicroBatchHook
from pgf_plugin.hooks.safe_checkpoint import SafeCheckpointHook
from pgf_plugin.hooks.trainable_params import TrainableParamsHook

__all__ = [
    "ConfusionHook",
    "ExactResumeHook",
    "FreezePolicyHook",
    "GateStatisticsHook",
    "GateWarmupHook",
    "MicroBatchHook",
    "SafeCheckpointHook",
    "TrainableParamsHook",
]
