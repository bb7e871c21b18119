"""The comparison plot: error by model with every seed and its interval, and error against size."""

import math
from collections.abc import Sequence
from pathlib import Path

from pgf_plugin.bench.collect import Row, by_dataset
from pgf_plugin.bench.published import Published, published_on
from pgf_plugin.bench.report.contents import Metric
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.figures import literal, new_figure, save_png

_INCHES_A_ROW = 0.36
_INCHES_A_DATASET = 1.6
_LONG = 34
"""Characters of a name after which it goes on on a new line."""


def save_plot(
    rows: Sequence[Row],
    results: Sequence[TrialResult],
    title: str,
    path: Path,
    published: Sequence[Published] = (),
) -> None:
    """Draw ``rows`` to ``path`` (PNG), one line of two panels a dataset.

    Where models have no MAE, as those of classes, the metric that chose the checkpoints stands in
    its place. Left: test MAE of each model and setting: each seed as a dot, the mean as a bar, its
    95 % interval as whiskers, published numbers as hollow diamonds, and the best achievable error
    as lines where the data set knows it. Right: test MAE against trainable parameters.
    """
    finished = [row for row in rows if row.seeds]
    tables = by_dataset(finished)
    beside = {name: published_on(name, published) for name in tables}
    lines = [max(len(tables[name]) + len(beside[name]), 5) for name in tables]
    heights = [_INCHES_A_DATASET + _INCHES_A_ROW * count for count in lines]
    figure = new_figure(11, sum(heights) + 0.5)
    panels = figure.subplots(
        len(tables), 2, squeeze=False, gridspec_kw=dict(width_ratios=(3, 2), height_ratios=heights)
    )
    for (dataset, table), (by_model, by_size) in zip(tables.items(), panels, strict=True):
        here = [result for result in results if result.dataset == dataset]
        metric = _drawn(table, here)
        _draw_models(by_model, table, here, beside[dataset], metric)
        _draw_floors(by_model, here)
        _draw_sizes(by_size, table, metric)
        if dataset:
            by_size.set_title(literal(dataset), loc="right", fontweight="bold")
    whiskers = ", whiskers: 95 % interval" if any(row.interval for row in finished) else ""
    figure.supxlabel(f"dots: seeds, bar: mean{whiskers}; colours as on the left", fontsize="small")
    figure.suptitle(literal(marked(title, results)))
    save_png(figure, path)


def marked(title: str, results: Sequence[TrialResult]) -> str:
    """The title of a plot, which says where audio or vision were made from the labels."""
    planted = any(result.data.get("planted") for result in results)
    return f"{title} (planted audio or vision)" if planted else title


def _drawn(rows: Sequence[Row], results: Sequence[TrialResult]) -> Metric:
    """MAE where all rows have it, else the metric that chose the checkpoints."""
    with_mae = all("MAE" in row.metrics for row in rows)
    return Metric.called("MAE" if with_mae or not results else results[0].selection)


def _mean(row: Row, metric: Metric) -> float:
    """Mean of a metric as it is drawn; NaN where the row does not have it."""
    return metric.scaled(row.metrics[metric.name].mean) if metric.name in row.metrics else math.nan


def _whiskers(row: Row, metric: Metric) -> tuple[float, float] | None:
    """Middle and half of the interval, which is of the MAE, and may lie beside the mean."""
    if row.interval is None or metric.name != "MAE":
        return None
    low, high = row.interval.low, row.interval.high
    return (low + high) / 2, (high - low) / 2


def _draw_models(
    axes,
    rows: Sequence[Row],
    results: Sequence[TrialResult],
    published: Sequence[Published],
    metric: Metric,
) -> None:
    colors = colors_of(len(rows))
    for place, row in enumerate(rows):
        color, mean = colors[place], _mean(row, metric)
        values = [
            metric.scaled(result.metrics.get(metric.name, math.nan))
            for result in results
            if result.label == row.label and result.status == "finished"
        ]
        if whiskers := _whiskers(row, metric):
            middle, half = whiskers
            axes.errorbar([middle], [place], xerr=half, fmt="none", color=color, capsize=5)
        axes.plot([mean], [place], "|", color=color, markersize=17, markeredgewidth=2.5)
        axes.plot(values, [place] * len(values), "o", color=color, markersize=5.5, alpha=0.6)
    known = [each for each in published if metric.name in each.metrics]
    for place, each in enumerate(known, len(rows)):
        axes.plot(
            [metric.scaled(each.metrics[metric.name])], [place], "D", color="0.35", fillstyle="none"
        )
    names = [*(row.name for row in rows), *(each.name for each in known)]
    axes.set_yticks(range(len(names)), [_wrapped(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel(metric.title)


def _draw_sizes(axes, rows: Sequence[Row], metric: Metric) -> None:
    """The mean against parameters, in the colours of the panel beside, where the names stand."""
    colors = colors_of(len(rows))
    for place, row in enumerate(rows):
        size, mean = (row.trainable or 0) / 1e6, _mean(row, metric)
        if whiskers := _whiskers(row, metric):
            middle, half = whiskers
            color = colors[place]
            axes.errorbar(
                [size], [middle], yerr=half, fmt="none", color=color, capsize=3, alpha=0.5
            )
        axes.plot([size], [mean], "o", color=colors[place])
    axes.margins(x=0.12)
    axes.set_xlabel("trainable parameters, millions")
    axes.set_ylabel(f"test {metric.label} (mean)")
    axes.grid(alpha=0.3)


def colors_of(count: int) -> list[tuple[float, ...]]:
    """Colours that tell ``count`` rows apart."""
    from matplotlib import colormaps

    if count <= 10:
        return [colormaps["tab10"](place) for place in range(count)]
    return [colormaps["turbo"](place / (count - 1)) for place in range(count)]


def _wrapped(name: str) -> str:
    """A long name on two lines, parted where its setting begins."""
    parted = name.replace(" (", "\n(", 1) if len(name) > _LONG else name
    return literal(parted)


def _draw_floors(axes, results: Sequence[TrialResult]) -> None:
    known = (result.data.get("best_achievable_mae") for result in results)
    floors: dict[str, float] = next(filter(None, known), {})
    for name, style in (("text", "--"), ("all", ":")):
        if name in floors:
            label = f"best achievable, {'text alone' if name == 'text' else 'all modalities'}"
            axes.axvline(floors[name], color="0.2", linestyle=style, label=label)
    if floors:
        place = dict(loc="lower center", bbox_to_anchor=(0.5, 1.0))  # above, where no bar is
        axes.legend(fontsize="small", ncols=2, frameon=False, **place)
