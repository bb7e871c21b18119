"""The plot of a bench with corrupted test sets: error against strength, a line a model."""

from collections.abc import Sequence
from pathlib import Path

from pgf_plugin.bench.plot import colors_of
from pgf_plugin.bench.report.contents import Metric
from pgf_plugin.bench.robustness import Panel
from pgf_plugin.figures import literal, new_figure, save_png

_WIDTH, _HEIGHT = 3.7, 2.7
"""Inches of a panel."""


def save_corruption_plot(panels: Sequence[Panel], title: str, path: Path) -> None:
    """Draw ``panels`` to ``path`` (PNG): a row a dataset, a column a corruption.

    The strengths stand side by side in their order, the test set as it is first. Whiskers are the
    standard deviation over the seeds; the models stand a little apart, so that none is hidden.
    Panels of a dataset have the same axis.
    """
    datasets = list(dict.fromkeys(panel.dataset for panel in panels))
    corruptions = list(dict.fromkeys(panel.corruption for panel in panels))
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    colors = dict(zip(names, colors_of(len(names)), strict=True))
    figure = new_figure(max(1.2 + _WIDTH * len(corruptions), 6.0), 1.1 + _HEIGHT * len(datasets))
    grid = figure.subplots(len(datasets), len(corruptions), squeeze=False, sharey="row")
    for axes in grid.flat:
        axes.set_axis_off()  # until there is a panel in it
    for panel in panels:
        place = datasets.index(panel.dataset), corruptions.index(panel.corruption)
        _draw(grid[place], panel, colors)
        if place[0] == 0:
            grid[place].set_title(literal(panel.corruption), fontsize="medium")
    for row, dataset in zip(grid, datasets, strict=True):
        name = f"{dataset}\n" if dataset else ""
        row[0].set_ylabel(literal(name + Metric.called(panels[0].metric).title))
    handles = {
        text: handle
        for axes in grid.flat
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=min(len(handles), 4))
    figure.suptitle(literal(title))
    save_png(figure, path)


def _draw(axes, panel: Panel, colors: dict[str, tuple[float, ...]]) -> None:
    axes.set_axis_on()
    count, metric = len(panel.lines), Metric.called(panel.metric)
    for number, line in enumerate(panel.lines):
        shift = 0.09 * (number - (count - 1) / 2)
        x = [place + shift for place in range(len(panel.strengths))]
        mean = [metric.scaled(spread.mean) for spread in line.spreads]
        std = [metric.scaled(spread.std) for spread in line.spreads]
        color, name = colors[line.name], literal(line.name)
        axes.errorbar(x, mean, yerr=std, color=color, marker="o", markersize=4, capsize=3)
        axes.plot([], [], color=color, marker="o", markersize=4, label=name)
    axes.set_xticks(range(len(panel.strengths)), [literal(text) for text in panel.strengths])
    axes.grid(alpha=0.3)
