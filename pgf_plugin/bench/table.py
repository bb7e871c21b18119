"""The comparison table, for the terminal and as Markdown."""

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table

from pgf_plugin.bench.collect import Row, Spread
from pgf_plugin.evaluation.functional import METRICS

COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("MAE", ("MAE",)),
    ("Corr", ("Corr",)),
    ("Acc-7", ("Acc7",)),
    ("Acc-2\nhas0 / non0", ("Acc2_has0", "Acc2_non0")),
    ("F1\nhas0 / non0", ("F1_has0", "F1_non0")),
)
"""Heading of each column of metrics, and the metrics in its cells."""

COST_HEADINGS = ("trainable", "total", "trainable w/o\nencoder", "ms per\nutterance")


def terminal_table(rows: Sequence[Row], title: str) -> Table:
    """Render ``rows`` for a terminal, two lines a cell where a metric has two variants."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1))
    table.add_column("model", no_wrap=True)
    for heading in (*(name for name, _ in COLUMNS), *COST_HEADINGS):
        table.add_column(heading.replace(" / ", "\n"), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.model, *_metric_cells(row, "\n"), *_cost_cells(row))
    return table


def markdown_table(rows: Sequence[Row]) -> str:
    """Render ``rows`` as a Markdown table."""
    headings = ["model", *(name for name, _ in COLUMNS), *COST_HEADINGS]
    lines = [
        "| " + " | ".join(heading.replace("\n", " ") for heading in headings) + " |",
        "|---" + "|---:" * (len(headings) - 1) + "|",
    ]
    lines += [
        "| " + " | ".join([row.model, *_metric_cells(row, " / "), *_cost_cells(row)]) + " |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def format_count(count: int | None) -> str:
    """``1234567`` -> ``'1.23 M'``."""
    if count is None:
        return "-"
    if count < 1000:
        return str(count)
    return f"{count / 1e6:.2f} M" if count >= 1e5 else f"{count / 1e3:.1f} k"


def format_spread(spread: Spread, *, percent: bool = False, digits: int = 3) -> str:
    """``mean ± std``; the mean alone for one seed."""
    factor, digits = (100, 1) if percent else (1, digits)
    mean = f"{factor * spread.mean:.{digits}f}"
    return mean if math.isnan(spread.std) else f"{mean} ± {factor * spread.std:.{digits}f}"


def _metric_cells(row: Row, separator: str) -> list[str]:
    if not row.seeds:
        return ["failed", *[""] * (len(COLUMNS) - 1)]
    return [
        separator.join(
            format_spread(row.metrics[name], percent=METRICS[name].percent) for name in names
        )
        for _, names in COLUMNS
    ]


def _cost_cells(row: Row) -> list[str]:
    counts = (row.trainable, row.total, row.trainable_without_encoder)
    time = "-" if row.ms_per_utterance is None else f"{row.ms_per_utterance.mean:.2f}"
    return [*map(format_count, counts), time]
