"""The comparison tables for a paper: LaTeX with the package booktabs."""

from collections.abc import Iterable, Mapping, Sequence

from pgf_plugin.bench.cells import (
    INTERVAL_HEADING,
    against_cell,
    against_heading,
    columns_of,
    interval_cell,
    metric_cells,
    name_cell,
    number_cells,
)
from pgf_plugin.bench.collect import Row, by_dataset
from pgf_plugin.bench.names import slug
from pgf_plugin.bench.published import Published, published_on
from pgf_plugin.tables import MISSING, format_count

_BOLD_NOTE = (
    "Bold: better than every other row by the paired test, corrected for their number (p < 0.05)."
)
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "{}$&#%_"},
}


def latex_tables(
    rows: Sequence[Row],
    title: str,
    notes: Mapping[str, Sequence[str]],
    published: Sequence[Published] = (),
) -> str:
    r"""Render one ``table*`` a dataset.

    The lowest MAE is bold only where it stands out from every other measured row; published
    numbers are below a rule of their own.

    Args:
        rows: of the whole bench.
        title: of the bench, for the captions.
        notes: of each dataset, sentences for its caption, with or without a full stop.
        published: numbers from publications.
    """
    tables = [
        _table(group, dataset, title, notes.get(dataset, ()), published_on(dataset, published))
        for dataset, group in by_dataset(rows).items()
    ]
    return "% Needs \\usepackage{booktabs}.\n" + "\n".join(tables)


def latex_text(text: str) -> str:
    """Return ``text`` on one line, with what LaTeX would read as a command escaped."""
    return "".join(_ESCAPES.get(character, character) for character in " ".join(text.split()))


def _table(
    rows: Sequence[Row],
    dataset: str,
    title: str,
    notes: Sequence[str],
    published: Sequence[Published],
) -> str:
    headings, lines = _headings(rows), [_line(row, rows) for row in rows]
    paper = [_published_line(each, rows) for each in published]
    bold = [_BOLD_NOTE] if any(row.stands_out for row in rows) else []
    about = f"{title}, {dataset}" if dataset else title
    said = [about, *notes, *(each.note for each in published), *bold]
    label = "-".join(slug(name) for name in (title, dataset) if name)
    return "\n".join(
        [
            "\\begin{table*}",
            "\\centering",
            "\\small",
            f"\\caption{{{' '.join(map(_sentence, said))}}}",
            f"\\label{{tab:{label}}}",
            f"\\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
            "\\toprule",
            _joined(map(latex_text, headings)),
            "\\midrule",
            *map(_joined, lines),
            *(["\\midrule"] if paper else []),
            *map(_joined, paper),
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table*}",
            "",
        ]
    )


def _sentence(text: str) -> str:
    """``text`` for a caption, with a full stop where nothing ends it."""
    escaped = latex_text(text)
    return escaped if escaped.endswith((".", "!", "?", "…")) else f"{escaped}."


def _headings(rows: Sequence[Row]) -> list[str]:
    first, *metrics = (name for name, _ in columns_of(rows))
    interval = [INTERVAL_HEADING] if any(row.interval for row in rows) else []
    against = [heading] if (heading := against_heading(rows)) else []
    return ["model", first, *interval, *metrics, *against, "trainable"]


def _line(row: Row, rows: Sequence[Row]) -> list[str]:
    first, *metrics = map(_number, metric_cells(row, columns_of(rows), " / "))
    if row.stands_out:
        first = f"$\\mathbf{{{first.strip('$')}}}$"
    cells = [latex_text(name_cell(row, " ")), first]
    if any(each.interval for each in rows):
        cells.append(_number(interval_cell(row.interval)) if row.seeds else "")
    cells += metrics
    if against_heading(rows):
        cells.append(latex_text(", ".join(filter(None, against_cell(row)))))
    return [*cells, _number(format_count(row.trainable))]


def _published_line(published: Published, rows: Sequence[Row]) -> list[str]:
    first, *metrics = map(_number, number_cells(published.metrics, columns_of(rows), " / "))
    interval = [_number(MISSING)] if any(row.interval for row in rows) else []
    against = [""] if against_heading(rows) else []
    return [latex_text(published.name), first, *interval, *metrics, *against, _number(MISSING)]


def _number(cell: str) -> str:
    """A cell of numbers; the sign of a deviation needs the mode of formulas."""
    parts = [part.replace(MISSING, "--") for part in cell.split(" / ")]
    plus_minus = [
        f"${part.replace('±', chr(92) + 'pm')}$" if "±" in part else part for part in parts
    ]
    return " / ".join(plus_minus)


def _joined(cells: Iterable[str]) -> str:
    line = " & ".join(cells)
    # The rule, or the end of the line, before would read these as its own argument.
    return ("{}" if line.startswith(("[", "*")) else "") + line + r" \\"
