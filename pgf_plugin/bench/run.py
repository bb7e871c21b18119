"""Runs a whole bench and writes its report."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from rich.console import Console

from pgf_plugin.bench.check import raise_trial_problems
from pgf_plugin.bench.collect import Row, collect
from pgf_plugin.bench.execute import CONSOLE_FILE, TRACEBACK_FILE
from pgf_plugin.bench.executors import Executor, build
from pgf_plugin.bench.folder import Plan, claim_folder, finished_before
from pgf_plugin.bench.plan import Trial, plan_trials
from pgf_plugin.bench.plot import save_plot
from pgf_plugin.bench.progress import Progress, print_plain
from pgf_plugin.bench.result import SCHEMA_VERSION, TrialResult, write_json
from pgf_plugin.bench.table import caption, markdown_table, markdown_text, terminal_tables
from pgf_plugin.checkpoint_files import AtomicLocalBackend
from pgf_plugin.work_dir import held

SELECTION = "best validation MAE; the test set was evaluated once, on that checkpoint"
TABLE_WIDTH = 160
"""Columns at least, where the output is a file: it has no width of its own."""


class BenchResult(NamedTuple):
    """What a bench produced.

    Attributes:
        rows: one a model.
        results: one a trial.
        work_dir: where ``results.json``, ``table.md`` and ``comparison.png`` lie.
    """

    rows: list[Row]
    results: list[TrialResult]
    work_dir: Path


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
    runs_on = build(executor or config.bench.get("executor"), workers=workers)
    title = config.bench.get("title") or Path(config.filename or "bench").stem
    with held(folder, trials[0].config):
        for news in claim_folder(folder, Plan.of(title, trials)):
            print_plain(console, news)
        results = run_trials(trials, runs_on, Progress(console, trials))
        bench = BenchResult(collect(results), results, folder)
        files = _write_report(bench, title)
    _print_report(bench, title, files, console)
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
            progress.finish(trial, f"finished before, test MAE {done.metrics['MAE']:.3f}")
            results[trial.folder] = done
    left = [trial for trial in trials if trial.folder not in results]
    try:
        with closing(executor.run(left, progress)) as ended:  # type: ignore[type-var]
            for trial, result in ended:
                results[trial.folder] = result
                progress.finish(trial, _summary(trial, result))
    finally:
        progress.stop()
    return [results[trial.folder] for trial in trials]


def _summary(trial: Trial, result: TrialResult) -> str:
    if result.status != "finished":
        return f"failed: {result.error}\n  see {_explained(trial.folder)}"
    smaller = f", in micro-batches of {result.micro_batch}" if result.micro_batch else ""
    return (
        f"test MAE {result.metrics['MAE']:.3f} at the checkpoint of epoch "
        f"{result.best_epoch}, chosen by validation MAE {result.val_mae:.3f} "
        f"({result.train_seconds:.0f} s{smaller})"
    )


def _explained(folder: Path) -> Path:
    """Where to look for why a trial failed: a process that was killed wrote no traceback."""
    trace = folder / TRACEBACK_FILE
    return trace if trace.exists() else folder / CONSOLE_FILE


def _write_report(bench: BenchResult, title: str) -> dict[str, Path]:
    """Write table, JSON and plot; return the files that there are, by what they are."""
    files = {
        "Table": bench.work_dir / "table.md",
        "JSON": bench.work_dir / "results.json",
        "Plot": bench.work_dir / "comparison.png",
    }
    notes = "\n\n".join(map(markdown_text, _notes(bench)))
    AtomicLocalBackend().put_text(
        f"# {markdown_text(title)}\n\n{markdown_table(bench.rows)}\n{notes}\n", files["Table"]
    )
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": title,
        "selection": SELECTION,
        "trials": [asdict(result) for result in bench.results],
    }
    write_json(files["JSON"], content)
    if any(row.seeds for row in bench.rows):
        save_plot(bench.rows, bench.results, title, files["Plot"])
    else:
        files.pop("Plot").unlink(missing_ok=True)  # an earlier one would show other trials
    return files


def _print_report(bench: BenchResult, title: str, files: dict[str, Path], console: Console) -> None:
    console.print()
    for table in terminal_tables(bench.rows, title, console.width):
        console.print(table)
    for note in _notes(bench):
        print_plain(console, note)
    console.print()
    for name, path in files.items():
        print_plain(console, f"{name + ':':<6} {path}")
    for result in bench.results:
        if result.status == "failed":
            where = _explained(result.folder(bench.work_dir))
            print_plain(console, f"Failed: {result.label}, seed {result.seed}, see {where}")


def _notes(bench: BenchResult) -> list[str]:
    """What must be said beside the table."""
    finished = [result for result in bench.results if result.status == "finished"]
    about = dict.fromkeys(result.data["note"] for result in finished if result.data.get("note"))
    chosen = [f"Checkpoint: {SELECTION}."] if finished else []
    return [*about, *caption(bench.rows), *chosen]
