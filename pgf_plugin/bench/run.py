"""Runs a whole bench and writes its report."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from rich.console import Console

from pgf_plugin.bench.collect import Row, collect
from pgf_plugin.bench.execute import TRACEBACK_FILE, run_trial
from pgf_plugin.bench.plan import Trial, plan_trials
from pgf_plugin.bench.plot import save_plot
from pgf_plugin.bench.progress import Progress
from pgf_plugin.bench.result import SCHEMA_VERSION, TrialResult, write_json
from pgf_plugin.bench.table import markdown_table, terminal_table
from pgf_plugin.config import raise_problems

SELECTION = "best validation MAE; the test set was evaluated once, on that checkpoint"
TABLE_WIDTH = 120


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
    for trial in {trial.model: trial for trial in trials}.values():
        raise_problems(trial.config, context=f"bench.models[{trial.model!r}]")
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress(console, len(trials))
    results = [_run_or_reuse(trial, progress) for trial in trials]
    title = config.bench.get("title") or Path(config.filename or "bench").stem
    return _report(results, folder, title, console)


def _run_or_reuse(trial: Trial, progress: Progress) -> TrialResult:
    progress.start(trial.model, trial.seed)
    done = TrialResult.load(trial.folder)
    if done and done.status == "finished" and done.fingerprint == trial.fingerprint:
        progress.finish(f"finished before, test MAE {done.metrics['MAE']:.3f}")
        return done
    result = run_trial(trial, progress)
    if result.status == "finished":
        progress.finish(
            f"test MAE {result.metrics['MAE']:.3f} at the checkpoint of epoch "
            f"{result.best_epoch}, chosen by validation MAE {result.val_mae:.3f} "
            f"({result.train_seconds:.0f} s)"
        )
    else:
        progress.finish(f"failed: {result.error}\n  see {trial.folder / TRACEBACK_FILE}")
    return result


def _report(results: list[TrialResult], folder: Path, title: str, console: Console) -> BenchResult:
    rows = collect(results)
    finished = [result for result in results if result.status == "finished"]
    data = finished[0].data if finished else {}
    paths = [folder / name for name in ("table.md", "results.json", "comparison.png")]
    write_json(
        paths[1],
        {
            "schema_version": SCHEMA_VERSION,
            "title": title,
            "selection": SELECTION,
            "trials": [asdict(result) for result in results],
        },
    )
    notes = [data["note"]] if data.get("note") else []
    seeds = sorted({result.seed for result in finished})
    notes.append(f"Mean ± std over seeds {seeds}. Checkpoint: {SELECTION}.")
    paths[0].write_text(
        f"# {title}\n\n{markdown_table(rows)}\n" + "\n\n".join(notes) + "\n", encoding="utf-8"
    )
    if finished:
        save_plot(rows, results, title, paths[2])
    console.print()
    console.print(terminal_table(rows, title))
    for note in notes:
        console.print(note, highlight=False)
    console.print()
    for label, path in zip(("Table:", "JSON: ", "Plot: "), paths, strict=True):
        if path.exists():
            console.print(f"{label} {path}", highlight=False, soft_wrap=True)
    return BenchResult(rows, results, folder)
