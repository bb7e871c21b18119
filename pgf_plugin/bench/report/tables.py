"""The tables that a reader sorts and filters."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pgf_plugin.bench.cells import against_cell, against_heading, format_spread
from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.pace import unit_heading
from pgf_plugin.bench.published import Published
from pgf_plugin.bench.report.contents import Contents, Metric, short
from pgf_plugin.bench.report.errors import TEXT_LENGTH, worst_errors
from pgf_plugin.bench.report.marks import Marks
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.setups import Setups
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.tables import MISSING, format_count


class Cell(NamedTuple):
    """A cell that is sorted by a number.

    Attributes:
        shown: what is read.
        value: the number; None and NaN come last.
    """

    shown: Any
    value: float | None


def sortable(
    name: str, caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]
) -> Markup:
    """A table under a field that filters it.

    Args:
        name: of the element, unique on the page.
        caption: what the table holds.
        heads: names of the columns.
        rows: cells: a :class:`Cell` or a text; the first names its row.
    """
    cells = [list(row) for row in rows]
    lines = [tag("tr", *(_cell(cell, place) for place, cell in enumerate(row))) for row in cells]
    numeric = [isinstance(cell, Cell) for cell in cells[0]] if cells else [False] * len(heads)
    columns = (
        tag(
            "th",
            tag("button", head, type="button"),
            scope="col",
            aria_sort="none",
            class_="number" if number else None,
        )
        for head, number in zip(heads, numeric, strict=True)
    )
    table = tag(
        "table",
        tag("caption", caption, class_="hidden"),
        tag("thead", tag("tr", *columns)),
        tag("tbody", *lines),
        id=name,
        data_sortable=True,
    )
    field = tag("input", type="search", id=f"{name}-filter", autocomplete="off", data_for=name)
    count = tag("output", f"{len(lines)} of {len(lines)}", for_=f"{name}-filter")
    return tag(
        "div",
        tag("p", tag("label", "Filter ", for_=f"{name}-filter"), field, " ", count, class_="tools"),
        tag("div", table, class_="scroll box", tabindex=0, role="region", aria_label=caption),
    )


def _cell(cell: Any, place: int) -> Markup:
    if not isinstance(cell, Cell):
        return tag("th", cell, scope="row") if place == 0 else tag("td", cell)
    known = cell.value is not None and math.isfinite(cell.value)
    return tag("td", cell.shown, data_v=f"{cell.value:.9g}" if known else "", class_="number")


def rows_table(contents: Contents, marks: Marks) -> Markup:
    """The comparison: a line for each model, dataset and setting, then those of papers."""
    named = _columns(contents)
    against = [against_heading(contents.rows)] if contents.has_comparisons else []
    heads = ["model", *named, "seeds", *against]
    heads += [metric.label for metric in contents.metrics]
    heads += ["trainable", "total", "trainable w/o encoder", "ms per utterance"]
    lines = []
    for row in contents.rows:
        count = len(row.seeds) + len(row.failed)
        seeds = str(count) if not row.failed else f"{len(row.seeds)} of {count}"
        mark = marks.legend([row.model])
        lines.append(
            [
                mark,
                *(getattr(row, name) for name in named),
                Cell(seeds, len(row.seeds)),
                *([_against_cell(row)] if against else []),
                *(_metric_cell(contents, row, metric) for metric in contents.metrics),
                *_cost_cells(row),
            ]
        )
    lines += [_published_line(contents, each, len(heads)) for each in contents.published]
    several = any(len(row.seeds) > 1 for row in contents.rows)
    over = "mean ± std over seeds, " if several else ""
    return sortable("rows", f"Results: {over}95 % interval", heads, lines)


def _columns(contents: Contents) -> list[str]:
    """``dataset`` and ``setting``, as far as the bench has several."""
    return [
        name for name in ("dataset", "setting") if any(getattr(row, name) for row in contents.rows)
    ]


def _metric_cell(contents: Contents, row: Row, metric: Metric) -> Cell:
    spread = row.metrics.get(metric.name)
    if spread is None:
        return Cell("failed" if not row.seeds else MISSING, None)
    ends = contents.interval(row, metric.name)
    below = None
    if ends:
        told = f"{metric.shown(ends.low)} to {metric.shown(ends.high)}"
        below = tag("small", told, title=f"95 % interval over {ends.over}")
    shown: Any = format_spread(spread, percent=metric.percent)
    if metric.name == "MAE" and row.stands_out:
        shown = tag("strong", shown, title="better than each other row by the paired test")
    return Cell(join(shown, below), spread.mean)


def _against_cell(row: Row) -> Cell:
    """The difference from the reference with its p value, and the verdict under it."""
    shown, verdict = against_cell(row)
    below = tag("small", verdict, class_="verdict") if verdict else None
    return Cell(join(shown, below), row.against.difference if row.against else None)


def _published_line(contents: Contents, published: Published, width: int) -> list[Any]:
    """A row of numbers that were not measured here, marked as such."""
    own = {"dataset": published.dataset, "setting": ""}
    name = tag("span", published.name, title=published.note)
    cells = [name, *(own[column] for column in _columns(contents)), Cell(MISSING, None)]
    cells += [Cell(MISSING, None)] if contents.has_comparisons else []
    cells += [_value_cell(published.metrics.get(m.name), m) for m in contents.metrics]
    return [*cells, *[Cell(MISSING, None)] * (width - len(cells))]


def _cost_cells(row: Row) -> list[Cell]:
    counts = (row.trainable, row.total, row.trainable_without_encoder)
    time = row.ms_per_utterance
    spent = Cell(MISSING, None) if time is None else Cell(format_spread(time, digits=2), time.mean)
    return [*(Cell(format_count(count), count) for count in counts), spent]


def trials_table(contents: Contents, setups: Setups) -> Markup:
    """Every trial, the failed ones among them."""
    named = _columns(contents)
    heads = ["model", *named, "seed", "status", f"val {contents.chosen_by.label}"]
    heads += [f"test {metric.label}" for metric in contents.metrics[:3]]
    unit = unit_heading(result.unit for result in contents.results if _ok(result))
    heads += [f"{unit} chosen", "trained for", "device", "setup"]
    failures = any(result.error for result in contents.results)
    heads += ["error"] if failures else []
    lines = (
        [
            result.model,
            *(getattr(result, name) for name in named),
            Cell(result.seed, result.seed),
            tag("span", result.status, class_=f"status {'' if _ok(result) else 'bad'}".strip()),
            _value_cell(result.val_score, contents.chosen_by),
            *(_value_cell(result.metrics.get(m.name), m) for m in contents.metrics[:3]),
            Cell(result.best_epoch or MISSING, result.best_epoch),
            Cell(_duration(result.train_seconds), result.train_seconds),
            str(result.environment.get("device_name") or MISSING),
            Cell(setups.number(result) or MISSING, setups.number(result)),
            *([_error(result)] if failures else []),
        ]
        for result in contents.results
    )
    return sortable("trials", "Trials: every seed", heads, lines)


def errors_table(contents: Contents) -> Markup | None:
    """The worst errors of every row; None where no predictions were kept."""
    lines = [
        [
            worst.row.label,
            tag("div", short(worst.text, TEXT_LENGTH) or worst.id, class_="long"),
            Cell(f"{worst.label:+.2f}", worst.label),
            Cell(f"{_mean(worst.predictions):+.2f}", _mean(worst.predictions)),
            Cell(f"{worst.error:.2f}", worst.error),
            tag("small", ", ".join(f"{value:+.2f}" for value in worst.predictions)),
        ]
        for worst in worst_errors(contents)
    ]
    if not lines:
        return None
    heads = ["model", "utterance", "label", "prediction", "error", "by seed"]
    return sortable("errors", "Worst errors", heads, lines)


def _error(result: TrialResult) -> Markup | str:
    return tag("div", short(result.error, TEXT_LENGTH), class_="long") if result.error else ""


def _ok(result: TrialResult) -> bool:
    return result.status == "finished"


def _value_cell(value: float | None, metric: Metric) -> Cell:
    return Cell(MISSING if value is None else metric.shown(value), value)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _duration(seconds: float | None) -> str:
    """``4000`` -> ``'1 h 06 min'``."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
