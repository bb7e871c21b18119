"""Runs a whole search and writes its report."""

import hashlib
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from rich.console import Console

from pgf_plugin.bench.execute import TRACEBACK_FILE
from pgf_plugin.bench.fingerprint import fingerprint
from pgf_plugin.bench.plan import Trial as Run
from pgf_plugin.bench.progress import Progress
from pgf_plugin.checkpoint_files import remove_checkpoints
from pgf_plugin.config import check_config, config_error
from pgf_plugin.config.needs import missing_parts
from pgf_plugin.config.problem import count, unique
from pgf_plugin.config.tracking import check_tracking
from pgf_plugin.console import open_console, print_plain
from pgf_plugin.errors import DataError
from pgf_plugin.tune.check import NEEDS, tune_problems
from pgf_plugin.tune.history import next_trial
from pgf_plugin.tune.objective import Search, run_trial
from pgf_plugin.tune.record import TrialRecord, best_first, load_records, trial_folder
from pgf_plugin.tune.report import describe, label_of, print_report, write_best, write_table
from pgf_plugin.tune.settings import KEY, Settings
from pgf_plugin.tune.space import combinations
from pgf_plugin.tune.trial_config import base_config
from pgf_plugin.work_dir import held

TABLE_WIDTH = 160
"""Columns at least, where the output is a file: it has no width of its own."""


class TuneResult(NamedTuple):
    """What a search produced.

    Attributes:
        records: one a trial, by number.
        best: the best of them; None where none finished.
        work_dir: where ``best.py``, ``trials.csv`` and ``tune.png`` lie.
    """

    records: list[TrialRecord]
    best: TrialRecord | None
    work_dir: Path


def run_tune(cfg: Config, work_dir: str | Path, *, console: Console | None = None) -> TuneResult:
    """Run every trial of a search that has not ended yet, and report.

    Args:
        cfg: a training config with ``tune``, see ``docs/tune_and_track.md``.
        work_dir: folder of the search; run again with the same folder, it keeps the trials that
            have ended and goes on with the one that was interrupted.
        console: where progress and table go; standard output where it is None.

    Raises:
        ConfigError: if the search cannot work, before its first trial.
        DataError: if the folder holds another search.
        WorkDirError: if ``work_dir`` cannot be written to, or another process writes there.
        MissingExtraError: if optuna is not installed.
    """
    console = open_console(console, TABLE_WIDTH)
    checks = (missing_parts(cfg, NEEDS, KEY), check_config(cfg), check_tracking(cfg))
    if problems := unique([*chain.from_iterable(checks), *tune_problems(cfg)]):
        raise config_error(problems, cfg.filename or "config")
    search = _search(cfg, Path(work_dir))
    with held(search.work_dir, cfg):
        records = _earlier(search, console)
        _run_all(search, records, console)
        ranked = best_first(records, search.settings.higher_is_better)
        print_report(search, records, console)
    return TuneResult(records, ranked[0] if ranked else None, search.work_dir)


def _search(cfg: Config, work_dir: Path) -> Search:
    settings = Settings.of(cfg)
    text = f"{fingerprint(base_config(cfg))}\n{settings.identity}"
    mark = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Search(cfg, settings, mark, work_dir)


def _earlier(search: Search, console: Console) -> list[TrialRecord]:
    """The trials of earlier commands."""
    records, damaged = load_records(search.work_dir)
    for path in damaged:
        print_plain(console, f"{path}: damaged or truncated, set aside; its trial is repeated")
    if others := [record for record in records if record.study != search.mark]:
        folder = trial_folder(search.work_dir, others[0].number)
        raise DataError(
            f"work_dir {search.work_dir} holds the trials of another search ({folder}): its "
            "config, space, metric, seeds, sampler, pruner or data, or the version of this "
            "package, was another one. Give another folder (--work-dir DIR), or delete that one"
        )
    if records:
        print_plain(console, f"Goes on: {describe(records)} before")
    return records


def _run_all(search: Search, records: list[TrialRecord], console: Console) -> None:
    """Run what is missing; ``records`` grows, and stays in the order of the numbers."""
    settings = search.settings
    total = settings.trials
    size = combinations(settings.space)
    if size is not None and size < total:
        print_plain(console, f"The space has {size} combinations: {size} trials, not {total}")
        total = size
    progress = Progress(console)
    for number in sorted(set(range(total)) - {record.number for record in records}):
        if settings.timeout and (spent := sum(r.seconds for r in records)) >= settings.timeout:
            print_plain(console, f"tune.timeout: the trials took {spent:.0f} s, no other is begun")
            break
        _run_one(search, records, number, total, progress)
    _settle(search, records)


def _run_one(
    search: Search, records: list[TrialRecord], number: int, total: int, progress: Progress
) -> None:
    trial = next_trial(records, search.settings, number)
    seed = search.settings.seeds[0]
    line = Run("tune", seed, search.cfg, trial_folder(search.work_dir, number), search.mark)
    progress.start(line, f"[{number + 1}/{total}] {label_of(trial.params)}, seed {seed}")
    try:
        record = run_trial(search, trial, partial(progress.show, line))
    finally:
        progress.stop()
    records.append(record)
    records.sort(key=lambda each: each.number)
    progress.finish(line, _summary(search, record))
    _settle(search, records, newest=record)


def _summary(search: Search, record: TrialRecord) -> str:
    if record.state == "failed":
        trace = trial_folder(search.work_dir, record.number) / TRACEBACK_FILE
        return f"failed: {record.error}\n  see {trace}"
    metric = search.settings.metric
    if record.state == "pruned":
        return (
            f"pruned after {count(len(record.curve), 'validation')}, the last with {metric} "
            f"{record.curve[-1]:.4g}"
        )
    return f"validation {metric} {record.value:.4g} ({record.seconds:.0f} s)"


def _settle(
    search: Search, records: Sequence[TrialRecord], newest: TrialRecord | None = None
) -> None:
    """Write what is known so far, and keep the checkpoints of the best trial alone.

    ``newest`` has just ended; None where it may be any that changed something.
    """
    ranked = best_first(list(records), search.settings.higher_is_better)
    write_table(search, records)
    if ranked and newest in (None, ranked[0]):
        write_best(search, ranked[0], records)
    for record in records:
        if not ranked or record is not ranked[0]:
            for seed in search.settings.seeds:
                remove_checkpoints(trial_folder(search.work_dir, record.number) / f"seed_{seed}")
