"""Runs a whole bench and writes its report."""

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from mmengine.config import Config
from rich.console import Console

from pgf_plugin.bench.check import raise_trial_problems
from pgf_plugin.bench.collect import Row, collect
from pgf_plugin.bench.execute import explained
from pgf_plugin.bench.executors import Executor, build
from pgf_plugin.bench.folder import Plan, claim_folder, finished_before, left_out
from pgf_plugin.bench.frame import results_frame
from pgf_plugin.bench.plan import Trial, plan_trials
from pgf_plugin.bench.progress import Progress
from pgf_plugin.bench.published import read_published
from pgf_plugin.bench.report_files import print_report, write_report
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.console import open_console, print_plain
from pgf_plugin.work_dir import held

TABLE_WIDTH = 160
"""Columns at least, where the output is a file: it has no width of its own."""

UNTITLED = "Benchmark"
"""Title of a bench that comes from no file and has none."""


class BenchResult(NamedTuple):
    """What a bench produced.

    Attributes:
        rows: one a model.
        results: one a trial.
        work_dir: where ``report.html``, ``results.json``, ``results.parquet``, ``table.md``,
            ``table.tex`` and ``comparison.png`` lie.
        left_out: finished trials in the folder that this command did not ask for, such as
            ``'MulT, seed 0'``; they are not in the report.
    """

    rows: list[Row]
    results: list[TrialResult]
    work_dir: Path
    left_out: Sequence[str] = ()

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
    executor: str | Mapping[str, Any] | None = None,
    workers: int | str | None = None,
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
        executor: where the trials run, as ``bench.executor``, which it replaces: ``'serial'``,
            ``'local'`` or ``'ray'``, or ``dict(type=name, **arguments)``. A script that gives
            ``'local'`` needs the guard ``if __name__ == '__main__':``.
        workers: trials at once, for the executor.
        console: where progress and table go; standard output where it is None.

    Raises:
        ConfigError: if the bench or one of its trials cannot work, before the first is run.
        DataError: if a later version of this package wrote into ``work_dir``.
        WorkDirError: if ``work_dir`` cannot be written to, another process writes there, or it is
            another bench's.
    """
    console = open_console(console, TABLE_WIDTH)
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
    runs_on = build(executor or config.bench.get("executor"), workers=workers)
    name = config.bench.get("title") or Path(config.filename or "").stem
    title = name or UNTITLED
    with held(folder, trials[0].config):
        for news in claim_folder(folder, Plan.of(title, trials, titled=bool(name))):
            print_plain(console, news)
        results = run_trials(trials, runs_on, Progress(console, trials))
        reference = config.bench.get("reference") or ""
        rows = collect(results, folder, reference)
        bench = BenchResult(rows, results, folder, left_out(folder, trials))
        published = read_published(config.bench.get("published"))
        files = write_report(bench, title, published)
    print_report(bench, title, files, console, published)
    return bench


def run_trials(
    trials: Sequence[Trial], executor: Executor, progress: Progress
) -> list[TrialResult]:
    """Run the trials that are not finished.

    Returns:
        the results, in the order of ``trials``, whichever was finished first.
    """
    results: dict[Path, TrialResult] = {}
    for trial in trials:
        done, news = finished_before(trial)
        if news:
            progress.tell(trial, news)
        if done:
            progress.finish(trial, f"finished before, {_test_score(done)}")
            results[trial.folder] = done
    left = [trial for trial in trials if trial.folder not in results]
    try:
        with closing(executor.run(left, progress)) as ended:  # type: ignore[type-var]
            for trial, result in ended:
                results[trial.folder] = result
                progress.finish(trial, _summary(trial, result))
    finally:
        progress.stop()
    for trial in trials:
        results[trial.folder].keep_planned(trial)
    return [results[trial.folder] for trial in trials]


def _summary(trial: Trial, result: TrialResult) -> str:
    if result.status != "finished":
        return f"failed: {result.error}\n  see {explained(trial.folder)}"
    smaller = f", in micro-batches of {result.micro_batch}" if result.micro_batch else ""
    return (
        f"{_test_score(result)} at the checkpoint of {result.unit} {result.best_epoch}, chosen "
        f"by validation {result.selection} {result.val_score:.3f} "
        f"({result.train_seconds:.0f} s{smaller})"
    )


def _test_score(result: TrialResult) -> str:
    """The test's value of the metric that chose the checkpoint, if the test gives it too."""
    score = result.metrics.get(result.selection, math.nan)
    return f"test {result.selection} {score:.3f}"
