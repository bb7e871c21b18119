"""The plot of a search: its history, how much each parameter matters, and a slice of each."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pgf_plugin.errors import require_extra
from pgf_plugin.figures import literal, new_figure, save_png
from pgf_plugin.tune.history import make_study
from pgf_plugin.tune.record import TrialRecord
from pgf_plugin.tune.settings import Settings
from pgf_plugin.tune.space import Parameter

COLUMNS = 4
MOST_SLICES = 16
_STYLES = {"finished": ("o", "C0"), "pruned": ("x", "0.6")}


def save_plot(records: Sequence[TrialRecord], settings: Settings, path: Path) -> None:
    """Draw ``records`` to ``path`` (PNG).

    Above: the value of each trial and the best so far; the importance of the parameters (PED-ANOVA,
    which needs no more than optuna). Below: the value against each parameter, the most important
    first. A pruned trial stands at the best of its epochs.
    """
    importance = importances(records, settings)
    order = sorted(settings.space, key=lambda part: -importance.get(part.key, 0.0))
    slices = order[:MOST_SLICES]
    rows = math.ceil(len(slices) / COLUMNS)
    figure = new_figure(12, 3.6 + 2.6 * rows)
    parts: Any = figure.subfigures(2, 1, height_ratios=(3.6, 2.6 * rows))
    above, below = parts
    history, bars = above.subplots(1, 2, width_ratios=(3, 2))
    _draw_history(history, records, settings)
    _draw_importance(bars, importance)
    grid = below.subplots(rows, COLUMNS, squeeze=False, sharey=True).flatten()
    for axes, part in zip(grid, slices, strict=False):
        _draw_slice(axes, part, records, settings)
    for axes in grid[len(slices) :]:
        axes.set_axis_off()
    below.supylabel(literal(f"validation {settings.metric}"), fontsize="small")
    save_png(figure, path)


def importances(records: Sequence[TrialRecord], settings: Settings) -> dict[str, float]:
    """Share of each parameter in the differences between good trials and others, most first.

    Returns:
        shares by key; empty where fewer than two finished trials differ in value.
    """
    finished = [record for record in records if record.state == "finished"]
    if len({record.value for record in finished}) < 2:
        return {}
    of = require_extra("optuna", "tune").importance
    return of.get_param_importances(
        make_study(finished, settings, 0), evaluator=of.PedAnovaImportanceEvaluator()
    )


def _value(record: TrialRecord, settings: Settings) -> float | None:
    """Where a trial stands in the plot."""
    if record.state == "pruned" and record.curve:
        return (max if settings.higher_is_better else min)(record.curve)
    return record.value


def _draw_history(axes: Any, records: Sequence[TrialRecord], settings: Settings) -> None:
    for state, (marker, color) in _STYLES.items():
        of_state = [record for record in records if record.state == state]
        if of_state:
            numbers = [record.number for record in of_state]
            values = [_value(record, settings) for record in of_state]
            axes.plot(numbers, values, marker, color=color, label=state)
    best, line = None, []
    for record in records:
        if record.state == "finished" and record.value is not None:
            better = max if settings.higher_is_better else min
            best = record.value if best is None else better(best, record.value)
            line.append((record.number, best))
    axes.step(*zip(*line, strict=True), where="post", color="C3", label="best so far")
    for record in records:
        if record.state == "failed":
            axes.axvline(record.number, color="0.8", linestyle=":")
    axes.set_xlabel("trial (dotted: failed)")
    direction = "higher" if settings.higher_is_better else "lower"
    axes.set_ylabel(literal(f"validation {settings.metric}, {direction} is better"))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def _draw_importance(axes: Any, importance: dict[str, float]) -> None:
    if not importance:
        axes.text(0.5, 0.5, "too few trials to tell\nwhat matters", ha="center", va="center")
        axes.set_axis_off()
        return
    keys = list(importance)
    axes.barh(range(len(keys)), [importance[key] for key in keys], color="C0", alpha=0.6)
    axes.set_yticks(range(len(keys)), [literal(key) for key in keys], fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("importance (PED-ANOVA)")


def _draw_slice(
    axes: Any, part: Parameter, records: Sequence[TrialRecord], settings: Settings
) -> None:
    labels = [str(label) for label in part.labels]
    for state, (marker, color) in _STYLES.items():
        of_state = [record for record in records if record.state == state]
        drawn = [record.params[part.key] for record in of_state]
        places = [part.labels.index(value) for value in drawn] if part.labels else drawn
        values = [_value(record, settings) for record in of_state]
        axes.plot(places, values, marker, color=color, markersize=5)
    if part.kind == "log":
        axes.set_xscale("log")
    if labels:
        axes.set_xticks(range(len(labels)), [literal(text[:12]) for text in labels])
        axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_xlabel(literal(part.key), fontsize="small")
    axes.tick_params(labelsize="small")
    axes.grid(alpha=0.3)
