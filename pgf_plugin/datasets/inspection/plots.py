"""The report as plots: labels, lengths, steps without content, and the scale of features."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pgf_plugin.datasets.inspection.report import ModalityReport, Report
from pgf_plugin.figures import literal, new_figure

DPI = 120
_PANEL_HEIGHT = 3.0
_WIDTH = 9.0
_MAX_NAME = 60


def save_plots(report: Report, folder: str | Path) -> list[Path]:
    """Draw ``report`` into ``folder``, which is made where it is missing.

    Returns:
        The PNG files: ``labels.png``, and ``lengths.png``, ``content.png`` and ``scale.png``
        where there are features; none where there is no utterance.
    """
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    plots: tuple[tuple[str, Mapping[str, Any], Callable, str], ...] = (
        ("labels", report.labels, _draw_labels, "Labels by class"),
        ("lengths", report.modalities, _draw_lengths, "Lengths of the sequences"),
        ("content", report.modalities, _draw_content, "Steps that are zero, or hold NaN or inf"),
        ("scale", report.modalities, _draw_scale, "Scale of the features"),
    )
    for name, panels, draw, title in plots:
        if panels and report.utterances:
            written.append(folder / f"{name}.png")
            _save(written[-1], panels, draw, f"{title}, {_short(report.source)}")
    return written


def _save(path: Path, panels: Mapping[str, Any], draw: Callable, title: str) -> None:
    height = 0.6 + _PANEL_HEIGHT * len(panels)
    figure = new_figure(_WIDTH, height)
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for panel, (name, content) in zip(axes, panels.items(), strict=True):
        draw(panel, content)
        panel.set_title(literal(name), loc="left", fontsize="medium")
    figure.suptitle(literal(title))
    figure.savefig(path, dpi=DPI)


def _draw_labels(axes, labels) -> None:
    _grouped_bars(
        axes,
        labels.classes,
        {
            f"{name} ({split.count:,})": [100 * n / max(split.count, 1) for n in split.histogram]
            for name, split in labels.splits.items()
        },
    )
    axes.set_ylabel("% of the split")
    axes.tick_params(axis="x", labelsize="small", rotation=0 if len(labels.classes) < 8 else 30)


def _draw_lengths(axes, modality: ModalityReport) -> None:
    edges = np.array(modality.length_edges)
    for place, (name, split) in enumerate(modality.splits.items()):
        share = 100 * np.array(split.histogram) / max(split.sequences, 1)
        label = f"{name} (median {split.median:g}, 95 % up to {split.p95:g})"
        axes.stairs(share, edges, color=f"C{place}", label=literal(label), linewidth=1.5)
    axes.set_xlabel("steps")
    axes.set_ylabel("% of the split")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize="small")


def _draw_content(axes, modality: ModalityReport) -> None:
    kinds = ("zero", "nan", "inf")
    shares = {
        name: [100 * getattr(split, kind) for kind in kinds]
        for name, split in modality.splits.items()
    }
    _grouped_bars(axes, ["zero throughout", "NaN", "inf"], shares, "{:.2g} %")
    axes.set_ylabel("% of the steps")
    highest = max(share for of_split in shares.values() for share in of_split)
    axes.set_ylim(0, 1.2 * highest if highest else 1)
    if not highest:
        place = dict(transform=axes.transAxes, ha="center", va="center", color="0.4")
        axes.text(0.5, 0.5, "no such step", **place)


def _draw_scale(axes, modality: ModalityReport) -> None:
    from matplotlib.ticker import MaxNLocator

    columns = (modality.minimum, modality.mean, modality.maximum, modality.std)
    low, mean, high, std = (np.array(each, float) for each in columns)  # None becomes NaN
    places = np.arange(modality.width)
    edges = np.arange(modality.width + 1) - 0.5
    axes.stairs(high, edges, baseline=low, fill=True, alpha=0.25, label="min to max")
    style = dict(fill=True, color="C0", alpha=0.55, label="mean ± deviation")
    axes.stairs(mean + std, edges, baseline=mean - std, **style)
    axes.plot(places, mean, "_", color="C0", label="mean", markersize=4)
    if modality.constant:
        flat = np.array(modality.constant)
        axes.plot(flat, mean[flat], "x", color="C3", label="constant", markersize=4)
    known = np.concatenate([low, high])
    axes.update_datalim([(0, value) for value in known[~np.isnan(known)]])  # a baseline is no data
    axes.set_yscale("symlog", linthresh=1.0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("feature")
    axes.set_ylabel("value (symlog)")
    axes.use_sticky_edges = False  # or the margin is missing below
    axes.margins(x=0.01)
    axes.grid(alpha=0.3, axis="y")
    place = dict(loc="center left", bbox_to_anchor=(1.0, 0.5))  # beside, where no value is
    axes.legend(fontsize="small", frameon=False, **place)


def _grouped_bars(
    axes, names: list[str], groups: Mapping[str, list[float]], number: str | None = None
) -> None:
    """Bars side by side: a place for each of ``names``, a colour for each of ``groups``."""
    width = 0.8 / max(len(groups), 1)
    places = np.arange(len(names))
    for place, (group, heights) in enumerate(groups.items()):
        shift = (place - (len(groups) - 1) / 2) * width
        bars = axes.bar(places + shift, heights, width, color=f"C{place}", label=literal(group))
        if number is not None:
            texts = [number.format(height) if height else "" for height in heights]
            axes.bar_label(bars, texts, fontsize="x-small", padding=2)
    axes.set_xticks(places, [literal(name) for name in names])
    axes.legend(fontsize="small")


def _short(source: str) -> str:
    name = Path(source).name
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
