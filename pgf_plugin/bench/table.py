"""The comparison table of one dataset, for the terminal and as Markdown."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pgf_plugin.bench.cells import (
    COST_HEADINGS,
    INTERVAL_HEADING,
    against_cell,
    against_heading,
    columns_of,
    cost_cells,
    format_seeds,
    interval_cell,
    metric_cells,
    name_cell,
    number_cells,
)
from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.paired import Comparison
from pgf_plugin.bench.published import Published
from pgf_plugin.console import new_table
from pgf_plugin.tables import MISSING, markdown_lines, markdown_text

UNLIMITED = 1000
"""Columns that no table needs."""


def terminal_tables(
    rows: Sequence[Row], title: str, width: int, published: Sequence[Published] = ()
) -> list[Table]:
    """Render the rows of one dataset for a terminal, several lines a cell.

    Returns:
        one table; where it would be wider than ``width`` columns two or three: metrics,
        comparisons, and costs.
    """
    metrics = len(columns_of(rows))
    costs = metrics + bool(against_heading(rows))
    tables: list[Table] = []
    for ends in ([None], [metrics, None], dict.fromkeys([metrics, costs, None])):
        starts = [0, *ends][:-1]
        tables = [
            _terminal_table(rows, () if start else published, "" if start else title, start, end)
            for start, end in zip(starts, ends, strict=True)
        ]
        if all(Console(width=UNLIMITED).measure(table).maximum <= width for table in tables):
            break
    return tables


def _terminal_table(
    rows: Sequence[Row],
    published: Sequence[Published],
    title: str,
    start: int,
    end: int | None,
) -> Table:
    """The columns from ``start`` to ``end``, after that of the names."""
    columns = slice(start, end)
    table = new_table(title)
    table.add_column("model", overflow="fold")
    metrics = [name.replace(" / ", "\n") for name, _ in columns_of(rows)]
    if any(row.interval for row in rows):
        metrics[0] += "\n95 % interval"
    against = [against_heading(rows, "\n")] if against_heading(rows) else []
    headings = [*metrics, *against, *COST_HEADINGS]
    for heading in headings[columns]:
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(Text(name_cell(row, "\n")), *_terminal_cells(row, rows)[columns])
    for each in published:
        cells = number_cells(each.metrics, columns_of(rows), "\n")
        cells += [""] * (len(headings) - len(cells))
        table.add_row(Text(each.name), *cells[columns])
    return table


def _terminal_cells(row: Row, rows: Sequence[Row]) -> list[Text]:
    metrics = metric_cells(row, columns_of(rows), "\n")
    if row.interval:
        metrics[0] += f"\n{interval_cell(row.interval)}"
    against = ["\n".join(against_cell(row)).strip()] if against_heading(rows) else []
    return [Text(cell) for cell in (*metrics, *against, *cost_cells(row))]


def markdown_table(rows: Sequence[Row], published: Sequence[Published] = ()) -> str:
    """Render the rows of one dataset as a Markdown table."""
    shown = columns_of(rows)
    heading = against_heading(rows)
    with_interval = any(row.interval for row in rows)
    headings = [name for name, _ in shown]
    headings[1:1] = [INTERVAL_HEADING] if with_interval else []
    headings += [markdown_text(heading)] if heading else []
    lines = []
    for row in rows:
        cells = metric_cells(row, shown, " / ")
        cells[1:1] = [interval_cell(row.interval) if row.seeds else ""] if with_interval else []
        cells += [", ".join(filter(None, against_cell(row)))] if heading else []
        lines.append([markdown_text(name_cell(row, " ")), *cells, *cost_cells(row)])
    for each in published:
        cells = number_cells(each.metrics, shown, " / ")
        cells[1:1] = [MISSING] if with_interval else []
        cells += [""] if heading else []
        lines.append([markdown_text(each.name), *cells, *[MISSING] * len(COST_HEADINGS)])
    return markdown_lines(["model", *headings, *COST_HEADINGS], lines)


def caption(rows: Sequence[Row]) -> list[str]:
    """Say over which seeds the numbers are, and which trials are missing from them."""
    notes = []
    seeds = sorted({seed for row in rows for seed in row.seeds})
    if any(len(row.seeds) > 1 for row in rows):
        notes.append(f"Mean ± std over {format_seeds(seeds)}; accuracies and F1 in per cent.")
    elif seeds:
        notes.append(
            f"One seed a model ({format_seeds(seeds)}), so no standard deviation; "
            "accuracies and F1 in per cent."
        )
    for row in rows:
        if row.failed:
            rest = f"; its row is over {format_seeds(row.seeds)}" if row.seeds else ""
            notes.append(f"{row.label}: {format_seeds(row.failed)} failed{rest}.")
    return [*notes, *_interval_notes(rows), *_test_notes(rows)]


def _interval_notes(rows: Sequence[Row]) -> list[str]:
    kinds = list(dict.fromkeys(row.interval.over for row in rows if row.interval))
    if not kinds:
        return []
    if len(kinds) == 1:
        return [f"Intervals: 95 %, bootstrap over {kinds[0]}."]
    named = [
        f"{kind}: " + ", ".join(r.label for r in rows if r.interval and r.interval.over == kind)
        for kind in kinds
    ]
    return [f"Intervals: 95 %, bootstrap over {'; over '.join(named)}."]


def _test_notes(rows: Sequence[Row]) -> list[str]:
    found = [row.against for row in rows if row.against is not None]
    if not found:
        return []
    note = f"Against {found[0].reference}: difference of MAE, below 0 is better"
    tested = [each for each in found if not each.why_not]
    if not tested:
        return [f"{note}; no paired test was possible."]
    count = tested[0].comparisons
    corrected = f"p corrected for {count} comparisons (Holm)" if count > 1 else "one comparison"
    return [f"{note}; paired test over {_tested_over(tested)}, {corrected}."]


def _tested_over(tested: Sequence[Comparison]) -> str:
    with_utterances = [each.utterances > 0 for each in tested]
    if all(with_utterances):
        return "seeds and test utterances"
    if any(with_utterances):
        return "seeds, and over test utterances where both have predictions"
    return "seeds alone"
