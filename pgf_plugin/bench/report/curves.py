"""The validation metric over the training, one panel a row and one line a seed."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby

from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.pace import unit_heading
from pgf_plugin.bench.report.chart import bottom_axis, left_axis, svg
from pgf_plugin.bench.report.contents import Contents
from pgf_plugin.bench.report.marks import Marks
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.scale import Scale, scale_over
from pgf_plugin.bench.result import TrialResult

_WIDTH, _HEIGHT, _LEFT, _TOP = 300, 190, 40, 12
_SHOWN = 24
"""Panels that are open from the start."""

_POINTS = 150
"""Validations of a curve that are drawn; of a longer one, evenly chosen ones."""


def curve_panels(contents: Contents, marks: Marks) -> Markup | None:
    """A panel a row; those of a dataset have the same axis, so that they can be compared."""
    panels = []
    for dataset in contents.datasets:
        rows = [row for row in contents.finished if row.dataset == dataset]
        curves = [trial.learning_curve for row in rows for trial in contents.trials(row)]
        values = sorted(value for curve in curves for value in curve if math.isfinite(value))
        if not values:
            continue
        # A seed that diverged for an epoch would flatten all the others.
        bound = values[0] + 3 * (values[int(0.9 * (len(values) - 1))] - values[0])
        high = values[-1] if contents.chosen_by.higher else min(values[-1], bound)
        y = scale_over([values[0], high], _HEIGHT - 44, _TOP)
        ends = _ends(trial for row in rows for trial in contents.trials(row))
        for row in rows:
            units = list(dict.fromkeys(trial.unit for trial in contents.trials(row)))
            end = max(ends[unit] for unit in units)
            x = Scale(1, end, _LEFT, _WIDTH - 10, whole=True)
            panels.append(_panel(contents, marks, row, x, y, unit_heading(units)))
    if not panels:
        return None
    more = panels[_SHOWN:]
    rest = tag(
        "details",
        tag("summary", f"{len(more)} more"),
        tag("div", *more, class_="panels"),
    )
    return join(tag("div", *panels[:_SHOWN], class_="panels"), rest if more else None)


def _ends(trials: Iterable[TrialResult]) -> dict[str, int]:
    """Where the axis of each unit ends: at the last validation, or the chosen checkpoint."""
    ends: dict[str, int] = {}
    for trial in trials:
        at = [epoch for epoch, _ in trial.curve] + [trial.best_epoch or 0]
        ends[trial.unit] = max(2, ends.get(trial.unit, 0), *at)
    return ends


def _panel(contents: Contents, marks: Marks, row: Row, x: Scale, y: Scale, unit: str) -> Markup:
    chart = svg(
        _WIDTH,
        _HEIGHT,
        f"validation {contents.chosen_by.label} of {row.label} by {unit}",
        left_axis(y, _LEFT, _WIDTH - 10, count=4),
        bottom_axis(x, _TOP, y.start, unit, 5),
        *(_curve(marks, trial, x, y) for trial in contents.trials(row)),
    )
    return tag("figure", tag("figcaption", row.label), chart)


def _curve(marks: Marks, trial: TrialResult, x: Scale, y: Scale) -> Markup:
    """The line of a trial, broken where the error is no number, and its chosen epoch."""
    step = -(-len(trial.learning_curve) // _POINTS)
    points = trial.curve[:: max(step, 1)]
    runs = [list(run) for finite, run in groupby(points, lambda at: math.isfinite(at[1])) if finite]
    note = f"{trial.label}, seed {trial.seed}"
    chosen = None
    if trial.best_epoch and trial.val_score is not None and math.isfinite(trial.val_score):
        score = f"validation {trial.selection} {trial.val_score:.3f}"
        told = f"{note}: chosen {trial.unit} {trial.best_epoch}, {score}"
        at = x(trial.best_epoch), _inside(y, trial.val_score)
        chosen = marks.draw(trial.model, *at, 4.5, told, "mean")
    path = "".join(_path(run, x, y) for run in runs)
    return tag(
        "g",
        tag("path", tag("title", note), d=path or None, class_="curve"),
        chosen,
        style=marks.style(trial.model),
    )


def _path(points: Sequence[tuple[int, float]], x: Scale, y: Scale) -> str:
    return "M" + "L".join(f"{x(at):.1f},{_inside(y, value):.1f}" for at, value in points)


def _inside(y: Scale, value: float) -> float:
    """Place of ``value``, at the upper edge where it is above."""
    return max(y(value), y.end)
