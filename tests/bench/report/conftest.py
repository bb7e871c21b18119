"""Results of a bench that was never run, and their report."""

import pytest
from report_results import MAES, leave_behind, page_of, trial

from pgf_plugin.bench.result import TrialResult


@pytest.fixture
def results(tmp_path):
    """Three models, two seeds, one further setting, one failure; files of PGF-Net alone."""
    found = [trial(model, seed) for seed in (0, 1) for model in MAES]
    found += [trial("PGF-Net", seed, 0.05, setting="no gate") for seed in (0, 1)]
    failed = {"status": "failed", "error": "ValueError: diverged", "setting": "lr=1"}
    found.append(TrialResult("MulT", 0, "mark", **failed))
    for result in found:
        if result.model == "PGF-Net":
            leave_behind(result, tmp_path)
    return found


@pytest.fixture
def report(results, tmp_path):
    """Their report."""
    return page_of(results, tmp_path, "Three models", selection="best validation MAE")
