"""Hyperparameter search: a space in a config, trials by validation, the best as a config."""

from pgf_plugin.tune.check import tune_problems
from pgf_plugin.tune.history import load_study
from pgf_plugin.tune.record import TrialRecord
from pgf_plugin.tune.run import TuneResult, run_tune
from pgf_plugin.tune.settings import Settings

__all__ = ["Settings", "TrialRecord", "TuneResult", "load_study", "run_tune", "tune_problems"]
