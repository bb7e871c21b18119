"""Runs a whole bench and writes its report."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from mmengine.config import Config
from rich.console import Console

from pgf_plugin.bench.check import raise_trial_problems
from pgf_plugin.bench.collect import Row, collect
from pgf_plugin.bench.execute import TRACEBACK_FILE, run_trial
from pgf_plugin.bench.frame import results_frame
from pgf_plugin.bench.plan import Trial, plan_trials
from pgf_plugin.bench.progress import Progress
from pgf_plugin.bench.published import read_published
from pgf_plugin.bench.report_files import print_report, write_report
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.work_dir import held

TABLE_WIDTH = 160
"""Columns at least, where the output is a file: it has no width of its own."""


class BenchResult(NamedTuple):
    """What a bench produced.

    Attributes:
        rows: one a model.
        results: one a trial.
        work_dir: where ``report.html``, ``results.json``, ``results.parquet``, ``table.md``,
            ``table.tex`` and ``comparison.png`` lie.
    """

    rows: list[Row]
    results: list[TrialResult]
    work_dir: Path

    def frame(self) -> pd.DataFrame:
        """The results as ``results.parquet`` has them, one row a trial."""
        return results_frame(self.results)


def run_bench(
    config: Config,
    work_dir: str | Path,
    *,
    models: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    cfg_options: Mapping[str, Any] | None = None,
    encoder: str | None = None,
    data_root: str | Path | None = None,
    console: Console | None = None,
) -> BenchResult:
    """Run every trial of a bench config that is not finished yet, and report.

    Args:
        config: a bench config, see :func:`~pgf_plugin.bench.plan.plan_trials`.
        work_dir: folder of the bench; run again with the same folder, it repeats no finished
            trial whose config is unchanged.
        models: names of ``bench.models`` to run; None runs all.
        seeds: replaces ``bench.seeds``.
        cfg_options: dotted key to value, for every trial.
        encoder: name of the text encoder for every trial.
        data_root: folder of the data for every trial.
        console: where progress and table go; standard output where it is None.

    Raises:
        ConfigError: if the bench or one of its trials cannot work, before the first is run.
        WorkDirError: if ``work_dir`` cannot be written to, or another process writes there.
    """
    # Bound to the stream of now: the output of the trials is redirected, the bench's is not.
    console = console or Console(file=sys.stdout)
    if not console.is_terminal:
        console.width = max(console.width, TABLE_WIDTH)
    folder = Path(work_dir)
    trials = plan_trials(
        config,
        folder,
        models=models,
        seeds=seeds,
        cfg_options=cfg_options,
        encoder=encoder,
        data_root=data_root,
    )
    raise_trial_problems(trials)
    title = config.bench.get("title") or Path(config.filename or "bench").stem
    progress = Progress(console, len(trials))
    with held(folder, trials[0].config):
        try:
            results = [_run_or_reuse(trial, progress) for trial in trials]
        finally:
            progress.stop()
        reference = config.bench.get("reference") or ""
        bench = BenchResult(collect(results, folder, reference), results, folder)
        published = read_published(config.bench.get("published"))
        files = write_report(bench, title, published)
    print_report(bench, title, files, console, published)
    return bench


def _run_or_reuse(trial: Trial, progress: Progress) -> TrialResult:
    progress.start(trial.label, trial.seed)
    done = TrialResult.load(trial.folder)
    if done and done.status == "finished" and done.fingerprint == trial.fingerprint:
        progress.finish(f"finished before, {_test_score(done)}")
        return done
    with held(trial.folder, trial.config):
        result = run_trial(trial, progress)
    if result.status == "finished":
        progress.finish(
            f"{_test_score(result)} at the checkpoint of epoch {result.best_epoch}, chosen by "
            f"validation {result.selection} {result.val_score:.3f} ({result.train_seconds:.0f} s)"
        )
    else:
        progress.finish(f"failed: {result.error}\n  see {trial.folder / TRACEBACK_FILE}")
    return result


def _test_score(result: TrialResult) -> str:
    """The test's value of the metric that chose the checkpoint, if the test gives it too."""
    score = result.metrics.get(result.selection, math.nan)
    return f"test {result.selection} {score:.3f}"
