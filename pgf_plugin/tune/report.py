"""The result of a search: the table of its trials, the best one as a config, the terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pgf_plugin.bench.names import short_names
from pgf_plugin.bench.pace import unit_heading
from pgf_plugin.checkpoint_files import AtomicLocalBackend
from pgf_plugin.config.problem import count
from pgf_plugin.console import new_table, print_plain
from pgf_plugin.tune.plot import save_plot
from pgf_plugin.tune.record import STATES, TrialRecord, best_first, trial_folder

if TYPE_CHECKING:
    from pgf_plugin.tune.objective import Search

TABLE_FILE = "trials.csv"
BEST_FILE = "best.py"
PLOT_FILE = "tune.png"
SHOWN = 5
"""Trials in the terminal's table."""


def write_table(search: "Search", records: Sequence[TrialRecord]) -> Path:
    """Write ``trials.csv``: one row a trial, its parameters in columns of their own."""
    rows = [
        {
            "trial": record.number,
            "state": record.state,
            "value": record.value,
            **record.params,
            "values": " ".join(map(repr, record.values)),
            "best_epochs": " ".join(map(str, record.best_epochs)),
            "seconds": round(record.seconds, 3),
            "error": record.error,
        }
        for record in records
    ]
    path = search.work_dir / TABLE_FILE
    AtomicLocalBackend().put_text(pd.DataFrame(rows).to_csv(index=False), path)
    return path


def write_best(search: "Search", best: TrialRecord, records: Sequence[TrialRecord]) -> Path:
    """Write ``best.py``: the config of the best trial, for its first seed."""
    seeds = search.settings.seeds
    over = f", the mean over seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else ""
    heading = (
        f"# The best of {count(len(records), 'trial')} by validation {search.settings.metric}: "
        f"{best.value!r}{over} (trial {best.number}).\n"
        f"# {label_of(best.params)}\n"
    )
    path = search.work_dir / BEST_FILE
    text = search.config(best.params, seeds[0]).pretty_text
    AtomicLocalBackend().put_text(f"{heading}{text}\n", path)
    return path


def print_report(search: "Search", records: Sequence[TrialRecord], console: Console) -> None:
    """Draw ``tune.png`` and print the best trials, what ended otherwise, and the files."""
    ranked = best_first(list(records), search.settings.higher_is_better)
    print_plain(console, f"\n{describe(records)}")
    files = [search.work_dir / TABLE_FILE]
    if ranked:
        save_plot(records, search.settings, search.work_dir / PLOT_FILE)
        console.print(_table(search, ranked[:SHOWN]))
        files += [search.work_dir / PLOT_FILE, search.work_dir / BEST_FILE]
    print_plain(console, "Chosen on the validation set; the test set was not read.\n")
    for path in files:
        print_plain(console, str(path))
    for record in records:
        if record.state == "failed":
            folder = trial_folder(search.work_dir, record.number)
            print_plain(console, f"Failed: trial {record.number}, see {folder}: {record.error}")


def describe(records: Sequence[TrialRecord]) -> str:
    """``'3 trials: 2 finished, 1 pruned'``."""
    states = Counter(record.state for record in records)
    listed = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
    return f"{count(len(records), 'trial')}{listed and f': {listed}'}"


def label_of(params: Mapping[str, Any]) -> str:
    """``'lr=0.00123, lora_rank=8'``: each key as short as it stays apart from the others."""
    names = short_names(list(params))
    return ", ".join(f"{names[key]}={_shown(value)}" for key, value in params.items())


def _table(search: "Search", ranked: Sequence[TrialRecord]) -> Table:
    names = short_names([part.key for part in search.settings.space])
    table = new_table()
    unit = unit_heading(record.unit for record in ranked)
    headings = ("trial", f"validation {search.settings.metric}", unit)
    for heading in (*headings, *names.values()):
        table.add_column(Text(heading), justify="right", overflow="fold")
    for record in ranked:
        epochs = "/".join(map(str, record.best_epochs))
        cells = [str(record.number), f"{record.value:.4g}", epochs]
        drawn = [_shown(record.params[key]) for key in names]
        table.add_row(*map(Text, [*cells, *drawn]))
    return table


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
