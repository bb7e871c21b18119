"""The benchmark harness: plan -> execute -> collect -> report."""

from pgf_plugin.bench.collect import Row, Spread, collect
from pgf_plugin.bench.compose import compose
from pgf_plugin.bench.names import trial_folder
from pgf_plugin.bench.plan import Trial, plan_trials
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.bench.run import BenchResult, run_bench

__all__ = [
    "BenchResult",
    "Row",
    "Spread",
    "Trial",
    "TrialResult",
    "collect",
    "compose",
    "plan_trials",
    "run_bench",
    "trial_folder",
]
