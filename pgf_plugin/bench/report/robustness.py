"""Charts and tables of the corrupted test sets: a metric against the strength, a line a model."""

import math
from collections.abc import Sequence

from pgf_plugin.bench.report.chart import figure, left_axis, line, svg, text
from pgf_plugin.bench.report.contents import Contents, Metric
from pgf_plugin.bench.report.marks import Marks
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.scale import Scale, scale_over
from pgf_plugin.bench.robustness import Line, Panel, failures, line_cells, panels

_WIDTH, _HEIGHT, _LEFT, _TOP = 470, 290, 46, 26
_APART = 7
"""Between the marks of two models at one strength."""


def robustness(contents: Contents, marks: Marks) -> Markup | None:
    """A chart for each metric, dataset and corruption, and a table of the chosen metric's."""
    found = panels(contents.results)
    if not found:
        return None
    charts = [
        _chart(marks, panel, metric)
        for metric in contents.drawn
        for panel in panels(contents.results, metric.name)
    ]
    models = list(dict.fromkeys(line.model for panel in found for line in panel.lines))
    told = [tag("li", said) for said in failures(contents.results)]
    return join(
        marks.legend(models),
        tag("div", *charts, class_="grid"),
        tag("ul", *told, class_="told") if told else None,
        *(_table(panel) for panel in found),
    )


def _chart(marks: Marks, panel: Panel, metric: Metric) -> Markup:
    bottom, right = _HEIGHT - 44, _WIDTH - 12
    values = [
        metric.scaled(value + sign * (0 if math.isnan(spread.std) else spread.std))
        for each in panel.lines
        for spread in each.spreads
        for value in [spread.mean]
        for sign in (-1, 1)
    ]
    y = scale_over(values, bottom, _TOP)
    x = Scale(-0.5, len(panel.strengths) - 0.5, _LEFT, right)
    chart = svg(
        _WIDTH,
        _HEIGHT,
        f"{metric.label} against the strength of {panel.name}",
        left_axis(y, _LEFT, right, metric.title),
        line(_LEFT, bottom, right, bottom, "axis"),
        *(
            text(x(place), bottom + 15, strength, "tick mid")
            for place, strength in enumerate(panel.strengths)
        ),
        text((_LEFT + right) / 2, bottom + 33, "strength", "name mid"),
        *(
            _line(marks, panel, each, metric, _APART * (number - (len(panel.lines) - 1) / 2), x, y)
            for number, each in enumerate(panel.lines)
        ),
    )
    return figure(chart, join(tag("strong", metric.label), f" on {panel.name}"), metric=metric.name)


def _line(
    marks: Marks, panel: Panel, each: Line, metric: Metric, shift: float, x: Scale, y: Scale
) -> Markup:
    """Means with their deviations, joined where they are numbers."""
    parts, path = [], []
    for place, spread in enumerate(each.spreads):
        if not math.isfinite(spread.mean):
            continue
        at, mean = x(place) + shift, metric.scaled(spread.mean)
        path.append(f"{at:.1f},{y(mean):.1f}")
        note = f"{each.label}: {metric.label} {metric.shown(spread.mean)}"
        if math.isfinite(spread.std):
            std = metric.scaled(spread.std)
            parts.append(line(at, y(mean - std), at, y(mean + std), "spread"))
            note += f" ± {metric.shown(spread.std)}"
        note += f" at strength {panel.strengths[place]}"
        parts.append(marks.draw(each.model, at, y(mean), 4.5, note, "mean"))
    drawn = tag("path", d="M" + "L".join(path), class_="curve") if path else None
    return tag("g", drawn, *parts, style=marks.style(each.model))


def _table(panel: Panel) -> Markup:
    head = tag("tr", tag("th", panel.name, scope="col"), *_cells("th", panel.strengths))
    rows = [
        tag("tr", tag("th", each.name, scope="row"), *_cells("td", line_cells(panel, each)))
        for each in panel.lines
    ]
    table = tag("table", tag("thead", head), tag("tbody", *rows))
    return tag("div", table, class_="scroll box", tabindex=0, role="region", aria_label=panel.name)


def _cells(kind: str, cells: Sequence[str]) -> list[Markup]:
    scope = "col" if kind == "th" else None
    return [tag(kind, cell, class_="number", scope=scope) for cell in cells]
