"""What stands in the cells of a table, whatever the table is written in."""

import math
from collections.abc import Sequence

from pgf_plugin.bench.collect import Row, Spread
from pgf_plugin.bench.paired import Comparison
from pgf_plugin.evaluation import METRICS
from pgf_plugin.evaluation.statistics import Interval
from pgf_plugin.tables import EN_DASH, MISSING, format_count

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

CLASS_COLUMNS: Columns = (
    ("Acc", ("Acc",)),
    ("UAR", ("UAR",)),
    ("F1\nmacro / weighted", ("F1_macro", "F1_weighted")),
)
LABEL_COLUMNS: Columns = (
    ("WA", ("WA",)),
    ("F1\nmacro / micro", ("F1_macro", "F1_micro")),
    ("mAP", ("mAP",)),
)
_OWN_COLUMNS = {"Acc2": SIMS_COLUMNS, "UAR": CLASS_COLUMNS, "WA": LABEL_COLUMNS}
"""Columns by the metric that tells them from those of MOSI."""

COST_HEADINGS = ("trainable", "total", "trainable w/o\nencoder", "ms per\nutterance")
INTERVAL_HEADING = "MAE 95 % interval"


def columns_of(rows: Sequence[Row]) -> Columns:
    """The columns of classes, of labels or of CH-SIMS where measured, else those of MOSI."""
    for name, columns in _OWN_COLUMNS.items():
        if any(name in row.metrics for row in rows):
            return columns
    return MOSI_COLUMNS


def name_cell(row: Row, separator: str) -> str:
    """The row's name, marked where some of its seeds failed: ``MulT (1/2 seeds)``."""
    finished, failed = len(row.seeds), len(row.failed)
    if not finished or not failed:
        return row.name
    return f"{row.name}{separator}({finished}/{finished + failed} seeds)"


def metric_cells(row: Row, columns: Columns, separator: str) -> list[str]:
    """Mean and deviation of each metric; ``failed`` where no trial finished."""
    if not row.seeds:
        return ["failed", *[""] * (len(columns) - 1)]
    return [separator.join(_metric_cell(row, name) for name in names) for _, names in columns]


def number_cells(metrics: dict[str, float], columns: Columns, separator: str) -> list[str]:
    """Single numbers, of one seed or of a publication, in the columns of the table."""
    return [
        separator.join(format_metric(name, metrics.get(name, math.nan)) for name in names)
        for _, names in columns
    ]


def cost_cells(row: Row) -> list[str]:
    """Parameters and time."""
    counts = (row.trainable, row.total, row.trainable_without_encoder)
    time = row.ms_per_utterance
    shown = MISSING if time is None or math.isnan(time.mean) else f"{time.mean:.2f}"
    return [*map(format_count, counts), shown]


def against_heading(rows: Sequence[Row], separator: str = " ") -> str:
    """Heading of the column of comparisons; empty where nothing was compared."""
    found = [row.against.reference for row in rows if row.against is not None]
    return f"against{separator}{found[0]}" if found else ""


def against_cell(row: Row) -> tuple[str, str]:
    """Difference from the reference with its p value, and the verdict."""
    if row.against is None:
        return ("reference", "") if row.seeds else ("", "")
    return difference_cell(row.against), row.against.verdict


def difference_cell(found: Comparison) -> str:
    """``-0.012 (p 0.031)``, or why there is no p value."""
    if math.isnan(found.difference):
        return found.why_not
    note = found.why_not or f"p {format_p(found.p_corrected)}"
    return f"{found.difference:+.3f} ({note})"


def interval_cell(interval: Interval | None) -> str:
    """Both ends, ``0.701`` and ``0.735``, with a dash between them."""
    return MISSING if interval is None else f"{interval.low:.3f}{EN_DASH}{interval.high:.3f}"


def format_p(p: float) -> str:
    """``0.031``; ``< 0.001`` for less; a dash where there is none."""
    if math.isnan(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def format_spread(spread: Spread, *, percent: bool = False, digits: int = 3) -> str:
    """``mean ± std``; the mean alone for one seed; a dash where there is no mean."""
    if math.isnan(spread.mean):
        return MISSING
    factor, digits = (100, 1) if percent else (1, digits)
    mean = f"{factor * spread.mean:.{digits}f}"
    return mean if math.isnan(spread.std) else f"{mean} ± {factor * spread.std:.{digits}f}"


def format_metric(name: str, value: float) -> str:
    """One value of a metric as tables show it; a dash where it is not finite."""
    if not math.isfinite(value):
        return MISSING
    return format_spread(Spread(value, math.nan), percent=METRICS[name].percent)


def format_seeds(seeds: Sequence[int]) -> str:
    """``seeds 0, 1``."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _metric_cell(row: Row, name: str) -> str:
    if name not in row.metrics:
        return MISSING
    return format_spread(row.metrics[name], percent=METRICS[name].percent)
