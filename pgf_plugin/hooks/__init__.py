"""Hooks for training: what the gates do, when parts train, and what a run may cost."""

from pgf_plugin.hooks.freeze_policy import FreezePolicyHook
from pgf_plugin.hooks.gate_statistics import GateStatisticsHook
from pgf_plugin.hooks.gate_warmup import GateWarmupHook
from pgf_plugin.hooks.trainable_params import TrainableParamsHook

__all__ = ["FreezePolicyHook", "GateStatisticsHook", "GateWarmupHook", "TrainableParamsHook"]
