"""Every seed of every row as a dot, with the mean and its interval."""

import math
from collections.abc import Iterator, Sequence

from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.published import Published, published_on
from pgf_plugin.bench.report.chart import MAX_LABEL, bottom_axis, figure, line, svg, text
from pgf_plugin.bench.report.contents import Contents, Metric, row_name, short
from pgf_plugin.bench.report.marks import Marks
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.scale import Scale, scale_over

_WIDTH, _EDGE, _TOP, _STEP = 640, 14, 34, 46
_FLOORS = (("text", "best achievable, text alone"), ("all", "best achievable, all modalities"))


def seed_charts(contents: Contents, marks: Marks) -> Markup:
    """One chart for each dataset and metric."""
    return join(
        *(
            _chart(contents, marks, dataset, metric)
            for metric in contents.drawn
            for dataset in contents.datasets
            if any(row.dataset == dataset for row in contents.finished)
        )
    )


def _chart(contents: Contents, marks: Marks, dataset: str, metric: Metric) -> Markup:
    rows = [row for row in contents.finished if row.dataset == dataset]
    floors = _floors(contents, dataset) if metric.name == "MAE" else {}
    beside = [e for e in published_on(dataset, contents.published) if metric.name in e.metrics]
    scale = scale_over(
        [*_drawn(contents, rows, beside, metric), *floors.values()], _EDGE, _WIDTH - _EDGE
    )
    bottom = _TOP + _STEP * (len(rows) + len(beside))
    heights = [_TOP + _STEP * (place + 0.68) for place in range(len(rows) + len(beside))]
    lines = [
        *(
            _row(contents, marks, row, metric, scale, y)
            for row, y in zip(rows, heights, strict=False)
        ),
        *(
            _paper(marks, e, metric, scale, y)
            for e, y in zip(beside, heights[len(rows) :], strict=True)
        ),
    ]
    name = f"{metric.label} of each seed" + (f" on {dataset}" if dataset else "")
    chart = svg(
        _WIDTH,
        bottom + 44,
        name,
        bottom_axis(scale, _TOP, bottom, metric.title),
        *(
            _floor(scale, place, value, label, bottom)
            for place, (label, value) in enumerate(floors.items())
        ),
        *lines,
    )
    caption = join(tag("strong", metric.label), f" on {dataset}" if dataset else None)
    return figure(chart, caption, metric=metric.name, wide=True)


def _drawn(
    contents: Contents, rows: Sequence[Row], beside: Sequence[Published], metric: Metric
) -> Iterator[float]:
    """Every number for which the axis needs room."""
    for row in rows:
        ends = contents.interval(row, metric.name)
        for value in (*contents.values(row, metric.name), *(ends[:2] if ends else ())):
            yield metric.scaled(value)
    yield from (metric.scaled(each.metrics[metric.name]) for each in beside)


def _paper(marks: Marks, each: Published, metric: Metric, scale: Scale, y: float) -> Markup:
    value = each.metrics[metric.name]
    note = f"{metric.label} {metric.shown(value)}. {each.note}"
    return tag(
        "g",
        text(_EDGE, y - 16, short(each.name, MAX_LABEL), "row label"),
        marks.draw_published(scale(metric.scaled(value)), y, 6.5, note),
    )


def _row(
    contents: Contents, marks: Marks, row: Row, metric: Metric, scale: Scale, y: float
) -> Markup:
    values = contents.values(row, metric.name)
    label = row_name(row, contents)
    parts = [text(_EDGE, y - 16, short(label, MAX_LABEL), "row label")]
    for trial, value in zip(contents.trials(row), values, strict=True):
        if math.isfinite(value):
            note = f"{row.label}, seed {trial.seed}: {metric.shown(value)}"
            x = scale(metric.scaled(value))
            parts.append(marks.draw(row.model, x, y, 4.5, note, "seed"))
    mean = row.metrics[metric.name].mean if metric.name in row.metrics else math.nan
    if math.isfinite(mean):
        parts.append(_mean(contents, row, metric, scale, y, mean))
    return tag("g", *parts, style=marks.style(row.model))


def _mean(
    contents: Contents, row: Row, metric: Metric, scale: Scale, y: float, mean: float
) -> Markup:
    x, found = scale(metric.scaled(mean)), contents.interval(row, metric.name)
    note = f"{row.label}: mean {metric.shown(mean)}"
    bar = None
    if found:
        low, high, over = found
        note += f", 95 % interval over {over}: {metric.shown(low)} to {metric.shown(high)}"
        bar = line(scale(metric.scaled(low)), y, scale(metric.scaled(high)), y, "interval")
    return tag("g", tag("title", note), bar, line(x, y - 9, x, y + 9, "middle"))


def _floors(contents: Contents, dataset: str) -> dict[str, float]:
    """Text to best achievable error, where the dataset knows it."""
    known = (
        result.data.get("best_achievable_mae")
        for result in contents.results
        if result.dataset == dataset
    )
    found = next((floor for floor in known if isinstance(floor, dict)), {})
    return {label: float(found[key]) for key, label in _FLOORS if found.get(key) is not None}


def _floor(scale: Scale, place: int, value: float, label: str, bottom: float) -> Markup:
    x, y = scale(value), _TOP - 4 - 14 * place
    anchor = "note end" if x > (scale.start + scale.end) / 2 else "note"
    shift = -4 if anchor.endswith("end") else 4
    return join(line(x, y - 8, x, bottom, "floor"), text(x + shift, y, label, anchor))
