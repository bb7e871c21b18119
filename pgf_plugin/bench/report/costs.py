"""A metric against what a model costs, with the Pareto front."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.report.chart import bottom_axis, figure, left_axis, svg, text
from pgf_plugin.bench.report.contents import Contents, Metric, row_name, short
from pgf_plugin.bench.report.marks import Marks
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.scale import Scale, scale_over
from pgf_plugin.tables import format_count

_WIDTH, _HEIGHT, _LEFT, _TOP = 470, 310, 46, 26
_KINDS = ("trainable parameters", "milliseconds an utterance")
_LABELLED = 14
"""Points of a chart that can have their names beside them; the rest tell theirs when pointed at."""


class Point(NamedTuple):
    """A row on a chart."""

    row: Row
    cost: float
    value: float


def pareto_front(costs: Sequence[float], values: Sequence[float], *, higher: bool) -> list[int]:
    """Positions, by rising cost, of what nothing beats in one and equals in the other.

    Args:
        costs: lower is better.
        values: of a metric.
        higher: whether a higher value is better.
    """
    sign = -1 if higher else 1
    order = sorted(range(len(costs)), key=lambda at: (costs[at], sign * values[at]))
    front: list[int] = []
    for at in order:
        if not front or sign * values[at] < sign * values[front[-1]]:
            front.append(at)
    return front


def cost_charts(contents: Contents, marks: Marks) -> Markup:
    """Two charts for each dataset and metric: against parameters, and against latency."""
    charts: list[Markup | None] = []
    for metric in contents.drawn:
        for dataset in contents.datasets:
            rows = [row for row in contents.finished if row.dataset == dataset]
            charts += [_chart(contents, marks, rows, metric, kind) for kind in _KINDS]
    return join(*charts)


def _cost(row: Row, kind: str) -> float:
    if kind == _KINDS[0]:
        return float(row.trainable or math.nan)
    return row.ms_per_utterance.mean if row.ms_per_utterance else math.nan


def _chart(
    contents: Contents, marks: Marks, rows: Sequence[Row], metric: Metric, kind: str
) -> Markup | None:
    points = [
        Point(row, _cost(row, kind), metric.scaled(row.metrics[metric.name].mean))
        for row in rows
        if metric.name in row.metrics
    ]
    points = [p for p in points if math.isfinite(p.cost) and p.cost > 0 and math.isfinite(p.value)]
    if not points:
        return None
    bottom = _HEIGHT - 44
    x = scale_over([p.cost for p in points], _LEFT, _WIDTH - 12, log=True)
    y = scale_over([p.value for p in points], bottom, _TOP, margin=0.12)
    front = [] if metric.higher is None else _front(points, metric.higher)
    on_front = set(map(id, front))
    dots = (_dot(marks, point, metric, kind, x, y, id(point) in on_front) for point in points)
    unit = "(log scale)"
    chart = svg(
        _WIDTH,
        _HEIGHT,
        f"{metric.label} against {kind}",
        left_axis(y, _LEFT, _WIDTH - 12, metric.title),
        bottom_axis(x, _TOP, bottom, f"{kind} {unit}", 4),
        _staircase(front, x, y),
        *dots,
        *_labels(contents, points, x, y),
    )
    dataset = f" on {rows[0].dataset}" if rows[0].dataset else ""
    caption = join(tag("strong", metric.label), f"{dataset} against {kind}")
    return figure(chart, caption, metric=metric.name)


def _front(points: Sequence[Point], higher: bool) -> list[Point]:
    found = pareto_front([p.cost for p in points], [p.value for p in points], higher=higher)
    return [points[at] for at in found]


def _staircase(front: Sequence[Point], x: Scale, y: Scale) -> Markup | None:
    """The line under which nothing lies: from each point of the front on, until the next."""
    if not front:
        return None
    path = f"M{x(front[0].cost):.1f},{y(front[0].value):.1f}"
    for point in front[1:]:
        path += f"H{x(point.cost):.1f}V{y(point.value):.1f}"
    return tag("path", d=f"{path}H{x.end:.1f}", class_="front")


def _dot(
    marks: Marks,
    point: Point,
    metric: Metric,
    kind: str,
    x: Scale,
    y: Scale,
    on_front: bool,
) -> Markup:
    cost = format_count(int(point.cost)) if "parameters" in kind else f"{point.cost:.2f} ms"
    value = metric.shown(point.row.metrics[metric.name].mean)
    note = f"{point.row.label}: {metric.label} {value}, {cost}"
    note += ", on the Pareto front" if on_front else ""
    at = x(point.cost), y(point.value)
    ring = tag("circle", cx=at[0], cy=at[1], r=10, class_="ring") if on_front else None
    return join(ring, marks.draw(point.row.model, *at, 5.5, note, "mean"))


def _labels(contents: Contents, points: Sequence[Point], x: Scale, y: Scale) -> list[Markup]:
    """Names beside the points, where they cover neither a point nor another name."""
    if len(points) > _LABELLED:
        return []
    boxes = [(x(p.cost) - 8, y(p.value) - 8, x(p.cost) + 8, y(p.value) + 8) for p in points]
    found = []
    for point in points:
        name = short(row_name(point.row, contents), 24)
        width, at = 6.6 * len(name), (x(point.cost), y(point.value))
        for kind, left, base in (
            ("", at[0] + 13, at[1] + 4),
            ("end", at[0] - 13 - width, at[1] + 4),
            ("mid", at[0] - width / 2, at[1] - 14),
            ("mid", at[0] - width / 2, at[1] + 23),
        ):
            box = (left, base - 11, left + width, base + 3)
            inside = box[0] > _LEFT and box[2] < _WIDTH - 2 and box[1] > _TOP and box[3] < y.start
            if inside and not any(_overlap(box, other) for other in boxes):
                boxes.append(box)
                place = {"": left, "end": left + width, "mid": left + width / 2}[kind]
                found.append(text(place, base, name, f"label {kind}".strip()))
                break
    return found


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
