"""The benchmark harness: plan -> execute -> collect -> report."""

from pgf_plugin.bench.collect import Row, Spread, collect
from pgf_plugin.bench.compose import compose
from pgf_plugin.bench.dry_run import DryRun, dry_run, print_dry_run
from pgf_plugin.bench.names import trial_folder
from pgf_plugin.bench.plan import Trial, plan_trials
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.bench.run import BenchResult, run_bench

# Last: the name is also that of the module above, which stays reachable by its full name.
from pgf_plugin.bench.api import run  # isort: skip

__all__ = [
    "BenchResult",
    "DryRun",
    "Row",
    "Spread",
    "Trial",
    "TrialResult",
    "collect",
    "compose",
    "dry_run",
    "plan_trials",
    "print_dry_run",
    "run",
    "run_bench",
    "trial_folder",
]
