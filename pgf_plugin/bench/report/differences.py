"""What a setting changes, or a model against the reference: differences paired by seed."""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pgf_plugin.bench.cells import format_p
from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.report.chart import MAX_LABEL, bottom_axis, figure, line, svg, text
from pgf_plugin.bench.report.contents import LARGE, Contents, Metric, short
from pgf_plugin.bench.report.marks import Marks
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.scale import scale_over
from pgf_plugin.evaluation.statistics import MIN_SEEDS, seeds_test

_WIDTH, _EDGE, _TOP, _STEP = 640, 14, 6, 46


class Difference(NamedTuple):
    """One row against another.

    Attributes:
        row, base: the rows; the values of ``base`` are subtracted.
        seeds: seeds that both finished.
        values: differences of the metric, one a seed.
        ends: 95 % interval of their mean; None where there are too few.
        verdict: p value and verdict, as the table of results has them; empty where it has none.
    """

    row: Row
    base: Row
    seeds: list[int]
    values: list[float]
    ends: tuple[float, float] | None
    verdict: str = ""

    @property
    def name(self) -> str:
        """What was changed, ``PGF-Net: no gate``, or which model stands against the reference."""
        if self.row.model != self.base.model:
            return f"{self.row.label} against {self.base.name}"
        setting = self.row.setting or "as it is"
        against = f" against {self.base.setting}" if self.base.setting else ""
        place = f" on {self.row.dataset}" if self.row.dataset else ""
        return f"{self.row.model}: {setting}{against}{place}"


def differences(contents: Contents, metric: str) -> list[Difference]:
    """Every setting against the default one of its model, every model against the reference."""
    found = []
    for row, base in _pairs(contents):
        ours, theirs = (
            dict(zip((t.seed for t in contents.trials(r)), contents.values(r, metric), strict=True))
            for r in (row, base)
        )
        seeds = [s for s in ours if s in theirs and math.isfinite(ours[s] - theirs[s])]
        if seeds:
            values = [ours[seed] - theirs[seed] for seed in seeds]
            found.append(Difference(row, base, seeds, values, *_judged(row, base, metric, values)))
    return found


def _judged(
    row: Row, base: Row, metric: str, values: Sequence[float]
) -> tuple[tuple[float, float] | None, str]:
    """Interval and verdict: those of the table, or else the interval over the seeds."""
    against = row.against
    if metric == "MAE" and against and against.reference == base.name:
        if against.why_not:
            return None, f"{against.verdict}: {against.why_not}"
        return (against.low, against.high), f"p {format_p(against.p_corrected)}, {against.verdict}"
    if len(values) < MIN_SEEDS:
        return None, ""
    test = seeds_test(values)
    return (test.low, test.high), ""


def _pairs(contents: Contents) -> Iterator[tuple[Row, Row]]:
    """Each row with the reference, then each setting with that of its model."""
    groups: dict[tuple[str, str], list[Row]] = {}
    named = {(row.dataset, row.name): row for row in contents.finished}
    compared = set()
    for row in contents.finished:
        if row.against:
            base = named[row.dataset, row.against.reference]
            compared.add((row.label, base.label))
            yield row, base
    for row in contents.finished:
        groups.setdefault((row.model, row.dataset), []).append(row)
    for rows in groups.values():
        base = _default(rows)
        yield from (
            (row, base)
            for row in rows
            if row is not base and (row.label, base.label) not in compared
        )


def _default(rows: Sequence[Row]) -> Row:
    """The row without a setting, or else the first."""
    return next((row for row in rows if not row.setting), rows[0])


def difference_charts(contents: Contents, marks: Marks) -> Markup | None:
    """One chart for each metric; None where there is nothing to subtract."""
    charts = [
        _chart(marks, found, metric)
        for metric in contents.drawn
        if (found := differences(contents, metric.name))
    ]
    return join(*charts) if charts else None


def _chart(marks: Marks, found: Sequence[Difference], metric: Metric) -> Markup:
    drawn = [metric.scaled(value) for d in found for value in (*d.values, *(d.ends or ()))]
    scale = scale_over([*drawn, 0.0], _EDGE, _WIDTH - _EDGE)
    bottom = _TOP + _STEP * len(found)
    better = {True: ", right is better", False: ", left is better", None: ""}[metric.higher]
    unit = " (percentage points)" if metric.percent else ""
    rows = []
    for place, difference in enumerate(found):
        y = _TOP + _STEP * (place + 0.68)
        told = _told(difference, metric)
        label = text(_EDGE, y - 16, short(difference.name, MAX_LABEL), "row label")
        rows.append(tag("g", tag("title", told), label, style=marks.style(difference.row.model)))
        for seed, value in zip(difference.seeds, difference.values, strict=True):
            note = f"{difference.name}, seed {seed}: {_signed(value, metric)}"
            x = scale(metric.scaled(value))
            rows.append(marks.draw(difference.row.model, x, y, 4.5, note, "seed"))
        mean = scale(metric.scaled(statistics.fmean(difference.values)))
        if difference.ends:
            low, high = (scale(metric.scaled(end)) for end in difference.ends)
            rows.append(line(low, y, high, y, "interval"))
        rows.append(line(mean, y - 9, mean, y + 9, "middle"))
    chart = svg(
        _WIDTH,
        bottom + 44,
        f"difference of {metric.label}, paired by seed",
        bottom_axis(scale, _TOP, bottom, f"difference of test {metric.label}{unit}{better}"),
        line(scale(0), _TOP, scale(0), bottom, "zero"),
        *rows,
    )
    said = () if len(found) > LARGE else (tag("li", _told(d, metric)) for d in found)
    caption = join("Difference of ", tag("strong", metric.label))
    return figure(
        join(chart, tag("ul", *said, class_="told")), caption, metric=metric.name, wide=True
    )


def _told(difference: Difference, metric: Metric) -> str:
    """The difference as a sentence."""
    values = difference.values
    told = f"{difference.name}: {_signed(statistics.fmean(values), metric)}"
    if ends := difference.ends:
        told += f" (95 % interval {_signed(ends[0], metric)} to {_signed(ends[1], metric)})"
    told += f", {len(values)} paired seed{'s' if len(values) > 1 else ''}"
    return f"{told}; {difference.verdict}" if difference.verdict else told


def _signed(value: float, metric: Metric) -> str:
    sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "\N{PLUS-MINUS SIGN}"
    return sign + metric.shown(abs(value))
