"""The comparison table, for the terminal and as Markdown."""

import math
import re
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pgf_plugin.bench.collect import Row, Spread
from pgf_plugin.evaluation import METRICS

Columns = tuple[tuple[str, tuple[str, ...]], ...]
"""Heading of each column of metrics, and the metrics in its cells."""

MOSI_COLUMNS: Columns = (
    ("MAE", ("MAE",)),
    ("Corr", ("Corr",)),
    ("Acc-7", ("Acc7",)),
    ("Acc-2\nhas0 / non0", ("Acc2_has0", "Acc2_non0")),
    ("F1\nhas0 / non0", ("F1_has0", "F1_non0")),
)
SIMS_COLUMNS: Columns = (
    ("MAE", ("MAE",)),
    ("Corr", ("Corr",)),
    ("Acc-5", ("Acc5",)),
    ("Acc-3", ("Acc3",)),
    ("Acc-2", ("Acc2",)),
    ("F1", ("F1",)),
)

MISSING = "\N{EN DASH}"
"""Stands for what was not measured or is not defined."""

UNLIMITED = 1000
"""Columns that no table needs."""

COST_HEADINGS = ("trainable", "total", "trainable w/o\nencoder", "ms per\nutterance")


def terminal_tables(rows: Sequence[Row], title: str, width: int) -> list[Table]:
    """Render ``rows`` for a terminal, two lines a cell where a metric has two variants.

    Returns:
        one table; where it would be wider than ``width`` columns two, metrics and costs.
    """
    split = len(_columns(rows))
    whole = _terminal_table(rows, title, slice(None))
    if Console(width=UNLIMITED).measure(whole).maximum <= width:
        return [whole]
    costs = _terminal_table(rows, "", slice(split, None))
    return [_terminal_table(rows, title, slice(split)), costs]


def _terminal_table(rows: Sequence[Row], title: str, columns: slice) -> Table:
    table = Table(
        title=Text(title, style="table.title") if title else None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
    )
    table.add_column("model", overflow="fold")
    shown = _columns(rows)
    for heading in [*(name for name, _ in shown), *COST_HEADINGS][columns]:
        table.add_column(heading.replace(" / ", "\n"), justify="right", no_wrap=True)
    for row in rows:
        cells = [*_metric_cells(row, shown, "\n"), *_cost_cells(row)][columns]
        table.add_row(Text(_name(row, "\n")), *cells)
    return table


def markdown_table(rows: Sequence[Row]) -> str:
    """Render ``rows`` as a Markdown table."""
    shown = _columns(rows)
    headings = ["model", *(name for name, _ in shown), *COST_HEADINGS]
    lines = [
        "| " + " | ".join(heading.replace("\n", " ") for heading in headings) + " |",
        "|---" + "|---:" * (len(headings) - 1) + "|",
    ]
    for row in rows:
        metrics = _metric_cells(row, shown, " / ")
        cells = [markdown_text(_name(row, " ")), *metrics, *_cost_cells(row)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def markdown_text(text: str) -> str:
    """Return ``text`` on one line, with what Markdown would read as markup escaped."""
    return re.sub(r"([\\`*\[\]<|])", r"\\\1", " ".join(text.split()))


def caption(rows: Sequence[Row]) -> list[str]:
    """Say over which seeds the numbers are, and which trials are missing from them."""
    notes = []
    seeds = sorted({seed for row in rows for seed in row.seeds})
    if any(len(row.seeds) > 1 for row in rows):
        notes.append(f"Mean ± std over {_seeds(seeds)}; accuracies and F1 in per cent.")
    elif seeds:
        notes.append(
            f"One seed a model ({_seeds(seeds)}), so no standard deviation; "
            "accuracies and F1 in per cent."
        )
    for row in rows:
        if row.failed:
            rest = f"; its row is over {_seeds(row.seeds)}" if row.seeds else ""
            notes.append(f"{row.label}: {_seeds(row.failed)} failed{rest}.")
    return notes


def format_count(count: int | None) -> str:
    """``1234567`` -> ``'1.23 M'``."""
    if count is None:
        return MISSING
    if count < 1000:
        return str(count)
    return f"{count / 1e6:.2f} M" if count >= 1e5 else f"{count / 1e3:.1f} k"


def format_spread(spread: Spread, *, percent: bool = False, digits: int = 3) -> str:
    """``mean ± std``; the mean alone for one seed; a dash where there is no mean."""
    if math.isnan(spread.mean):
        return MISSING
    factor, digits = (100, 1) if percent else (1, digits)
    mean = f"{factor * spread.mean:.{digits}f}"
    return mean if math.isnan(spread.std) else f"{mean} ± {factor * spread.std:.{digits}f}"


def _name(row: Row, separator: str) -> str:
    """The model's name, marked where some of its seeds failed."""
    finished, failed = len(row.seeds), len(row.failed)
    if not finished or not failed:
        return row.label
    return f"{row.label}{separator}({finished}/{finished + failed} seeds)"


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _columns(rows: Sequence[Row]) -> Columns:
    """The columns of CH-SIMS where its metrics were measured, else those of MOSI."""
    return SIMS_COLUMNS if any("Acc2" in row.metrics for row in rows) else MOSI_COLUMNS


def _metric_cells(row: Row, columns: Columns, separator: str) -> list[str]:
    if not row.seeds:
        return ["failed", *[""] * (len(columns) - 1)]
    return [separator.join(_metric_cell(row, name) for name in names) for _, names in columns]


def _metric_cell(row: Row, name: str) -> str:
    if name not in row.metrics:
        return MISSING
    return format_spread(row.metrics[name], percent=METRICS[name].percent)


def _cost_cells(row: Row) -> list[str]:
    counts = (row.trainable, row.total, row.trainable_without_encoder)
    time = row.ms_per_utterance
    shown = MISSING if time is None or math.isnan(time.mean) else f"{time.mean:.2f}"
    return [*map(format_count, counts), shown]
