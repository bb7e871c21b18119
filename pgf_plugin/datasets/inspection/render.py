"""The report and the problems as text, for a terminal and for a file."""

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pgf_plugin.console import new_table
from pgf_plugin.datasets.inspection.finding import Finding, first_of, numbered
from pgf_plugin.datasets.inspection.report import (
    ColumnReport,
    IdReport,
    LabelReport,
    ModalityReport,
    Overlap,
    Report,
    TextSplit,
)

PLAIN_WIDTH = 100
"""Columns of the output where it is no terminal."""

INDENT = 2

NOTHING = "\N{EN DASH}"

_STYLES = {"error": "bold red", "warning": "yellow"}


def report_console() -> Console:
    """A console that shows texts of data as they are: nothing in them is markup."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def print_report(report: Report, console: Console) -> None:
    """Print ``report``, section by section."""
    console.print(Text(printable(report.source), style="bold"), overflow="fold")
    _lines(console, [numbered(report.utterances, "utterance"), *map(str, report.files)])
    _lines(console, (f"{name}: {value}" for name, value in report.info.items()))
    _lines(console, (f"left out: {part}: {why}" for part, why in report.broken.items()))
    if report.columns:
        _section(console, "Splits", _splits_table(report.columns))
        if len(report.columns) > 1:
            _lines(console, [f"below: {report.column} (--split-column chooses)"])
    for name, labels in report.labels.items():
        title = f"{_capital(name)}, {labels.scale}"
        _section(console, title, _labels_table(labels), _classes_table(labels))
    for name, modality in report.modalities.items():
        title = f"{_capital(name)}, {numbered(modality.width, 'feature')} a step"
        _section(console, title, _steps_table(modality))
        _lines(console, _feature_lines(modality))
    _section(console, "Ids")
    _lines(console, _id_lines(report.ids))
    if report.texts:
        _section(console, "Texts")
        _print_texts(console, report.texts, report.shared_texts)


def print_findings(findings: Sequence[Finding], source: str, console: Console) -> None:
    """Print ``findings``, each with its place and what to do, and their number."""
    for finding in findings:
        place = f"{finding.where}: {finding.what}"
        severity = (f"{finding.severity:<8}", _STYLES[finding.severity])
        console.print(Text.assemble(severity, printable(place)), overflow="fold")
        first = f"first: {'; '.join(finding.first)}" if finding.first else ""
        _lines(console, filter(None, (first, f"do: {finding.advice}")), len(severity[0]))
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    summary = (
        f"{numbered(errors, 'error')}, {numbered(warnings, 'warning')}" if findings else "sound"
    )
    console.print(Text(f"{printable(source)}: {summary}", overflow="fold"))


def printable(text: str) -> str:
    """``text`` on one line, without characters that could steer a terminal."""
    text = " ".join(text.split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _section(console: Console, title: str, *tables: Table) -> None:
    console.print()
    console.print(Text(printable(title), style="bold", overflow="fold"))
    for table in tables:
        console.print(Padding(table, (0, 0, 0, INDENT), expand=False))


def _lines(console: Console, lines: Iterable[str], indent: int = INDENT) -> None:
    """Print each of ``lines``, wrapped and indented, without blanks at its end."""
    for line in lines:
        text = Text(printable(line))
        for part in text.wrap(console, max(1, console.width - indent), overflow="fold"):
            part.rstrip()
            console.print(Text(" " * indent) + part, no_wrap=True, overflow="ignore", crop=False)


def _table(first: str, *others: str, justify: Literal["left", "right"] = "right") -> Table:
    table = new_table()
    table.show_edge = False
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(Text(name), justify=justify, overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(printable(cell)) for cell in cells))


def _splits_table(columns: dict[str, ColumnReport]) -> Table:
    table = _table("column", "utterances by split", "published", justify="left")
    for name, column in columns.items():
        counts = ", ".join(f"{split} {count:,}" for split, count in column.counts.items())
        version = str(column.version) if column.version else "no version is near"
        _add_row(table, name, counts, version)
    return table


def _labels_table(labels: LabelReport) -> Table:
    table = _table("split", "labels", "missing", "min", "max", "mean", "zero")
    for name, split in labels.splits.items():
        range_ = [_number(value) for value in (split.minimum, split.maximum, split.mean)]
        _add_row(
            table, name, f"{split.count:,}", _count(split.missing), *range_, _share(split.zeros)
        )
    return table


def _classes_table(labels: LabelReport) -> Table:
    table = _table("split", *labels.classes)
    for name, split in labels.splits.items():
        _add_row(table, name, *(_count(count) for count in split.histogram))
    return table


def _steps_table(modality: ModalityReport) -> Table:
    table = _table(
        *("split", "steps min", "median", "p95", "max", "padding"), *("zero", "NaN", "inf")
    )
    for name, split in modality.splits.items():
        lengths = (split.shortest, split.median, split.p95, split.longest)
        shares = (split.padding, split.zero, split.nan, split.inf)
        _add_row(table, name, *(f"{each:g}" for each in lengths), *map(_share, shares))
    return table


def _feature_lines(modality: ModalityReport) -> Iterable[str]:
    for what, key in (
        ("without a step", "empty"),
        ("nothing but zeros", "all_zero"),
        ("all steps the same", "repeating"),
        ("values beyond their lengths, which are not read", "hidden"),
    ):
        counts = {name: getattr(split, key) for name, split in modality.splits.items()}
        found = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
        if found:
            yield f"utterances, {what}: {found}"
    if modality.constant:
        yield f"constant features: {len(modality.constant)} (first {_few(modality.constant)})"
    if modality.odd:
        few = _few(f"{each.feature}: {each.why}" for each in modality.odd)
        yield f"features of extreme scale: {len(modality.odd)} (first {few})"


def _id_lines(ids: IdReport) -> Iterable[str]:
    if ids.num_repeated:
        few = _few(f"{name} ({count} times)" for name, count in ids.repeated.items())
        yield f"repeated: {ids.num_repeated:,} (first {few})"
    else:
        yield "every id is unique"
    if ids.form is None:
        yield "they do not tell the videos"
        return
    counts = ", ".join(f"{name} {count:,}" for name, count in ids.videos.items())
    yield f"videos, told by {ids.form}: {counts}"
    if not ids.shared_videos:
        yield "no video is in several splits"
    yield from (f"videos in {_overlap(overlap)}" for overlap in ids.shared_videos)


def _print_texts(console: Console, texts: dict[str, TextSplit], shared: Sequence[Overlap]) -> None:
    for name, split in texts.items():
        lengths = f"{split.shortest:,} to {split.longest:,} characters, median {split.median:g}"
        empty = f", {numbered(split.empty, 'text')} empty" if split.empty else ""
        _lines(console, [f"{name}: {lengths}{empty}"])
        for example in split.examples:
            label = " ".join(_number(value) for value in example.label)
            line = f"{example.why} ({example.id}, label {label}): {example.text}"
            _lines(console, [line], 2 * INDENT)
    if not shared:
        _lines(console, ["no text is in several splits"])
    _lines(console, (f"texts in {_overlap(overlap)}" for overlap in shared))


def _overlap(overlap: Overlap) -> str:
    return f"{' and '.join(overlap.splits)}: {overlap.count:,} (first {_few(overlap.examples)})"


def _few(names: Iterable) -> str:
    return "; ".join(first_of(names))


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value + 0.0:g}"  # no negative zero


def _count(value: int) -> str:
    return f"{value:,}" if value else NOTHING


def _share(value: float | None) -> str:
    """A share in per cent, in which a single one among millions does not look like none."""
    if value is None or not value:
        return NOTHING
    return f"{value:.1%}" if value >= 0.0005 else "<0.1%"
