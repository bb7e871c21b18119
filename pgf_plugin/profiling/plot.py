"""The plot of a profile: latency by batch size, where the time goes, and memory."""

from pathlib import Path
from typing import Any

from pgf_plugin.figures import literal, new_figure, save_png
from pgf_plugin.profiling.components import COMPONENTS
from pgf_plugin.profiling.result import Profile

_INCHES_A_BAR = 0.28
_STYLES = ("-", "--", ":", "-.")


def save_plot(profile: Profile, path: Path) -> None:
    """Draw ``profile`` to ``path`` (PNG).

    Above: median latency and peak memory against the batch size, a colour a model and a line style
    a length; a band reaches to the 95th percentile. Below: the components of one utterance's time
    in every case.
    """
    bars = sum(len(model.cells) for model in profile.models)
    heights = (4.0, 1.2 + _INCHES_A_BAR * bars)
    figure = new_figure(12, sum(heights) + 0.8)
    parts: Any = figure.subfigures(2, 1, height_ratios=heights)
    latency, memory = parts[0].subplots(1, 2)
    _draw_latency(latency, profile)
    _draw_memory(memory, profile)
    _draw_components(parts[1].subplots(), profile)
    environment = profile.environment
    figure.suptitle(
        f"Inference on {environment.get('device')} (threads: {environment.get('threads')}): "
        "random weights, synthetic batches"
    )
    save_png(figure, path)


def _draw_latency(axes: Any, profile: Profile) -> None:
    for label, name, color, style, cells in _lines(profile):
        sizes = [cell.case.batch_size for cell in cells]
        p50, p95 = ([1000 * getattr(cell, each) for cell in cells] for each in ("p50", "p95"))
        axes.plot(sizes, p50, f"o{style}", color=color, label=f"{label}{name}", markersize=4)
        axes.fill_between(sizes, p50, p95, color=color, alpha=0.15, linewidth=0)
    axes.set_ylabel("latency of a batch, ms (p50, band to p95)")
    _scale(axes, profile)
    axes.legend(fontsize="small")


def _draw_memory(axes: Any, profile: Profile) -> None:
    for _, _, color, style, cells in _lines(profile):
        known = [cell for cell in cells if cell.peak_bytes is not None]
        sizes = [cell.case.batch_size for cell in known]
        peaks = [(cell.peak_bytes or 0) / 2**20 for cell in known]
        axes.plot(sizes, peaks, f"o{style}", color=color, markersize=4)
    axes.set_ylabel("peak memory beyond weights, MiB")
    _scale(axes, profile)


def _scale(axes: Any, profile: Profile) -> None:
    sizes = sorted({cell.case.batch_size for model in profile.models for cell in model.cells})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, map(str, sizes))
    axes.set_xlabel("batch size")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(axis="y", which="minor", labelsize="x-small")
    axes.grid(alpha=0.3, which="both")


def _draw_components(axes: Any, profile: Profile) -> None:
    """Bars of milliseconds an utterance, the models of a case beside each other."""
    names, places, height = [], [], 0.0
    for number, reference in enumerate(profile.models[0].cells):
        for model in profile.models:
            cell = model.cells[number]
            left = 0.0
            for index, component in enumerate(COMPONENTS):
                width = 1000 * cell.components[component] / cell.case.batch_size
                axes.barh(height, width, left=left, color=f"C{index}", height=0.8)
                left += width
            size, lengths = reference.case
            names.append(literal(f"{model.label}, batch {size}, length {lengths}"))
            places.append(height)
            height += 1
        height += 0.6
    axes.set_yticks(places, names, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("ms an utterance, by component")
    for index, component in enumerate(COMPONENTS):
        axes.barh(0, 0, color=f"C{index}", label=component)
    place = dict(loc="lower center", bbox_to_anchor=(0.5, 1.0))  # above, where no bar is
    axes.legend(fontsize="small", ncols=len(COMPONENTS), frameon=False, **place)
    axes.grid(alpha=0.3, axis="x")


def _lines(profile: Profile) -> list[tuple[str, str, str, str, list[Any]]]:
    """Label, length where there are several, colour, style and cells of each line."""
    lengths = [work.lengths for work in profile.models[0].work]
    lines = []
    for index, model in enumerate(profile.models):
        for number, each in enumerate(lengths):
            cells = sorted(
                (cell for cell in model.cells if cell.case.lengths == each),
                key=lambda cell: cell.case.batch_size,
            )
            name = f", {each}" if len(lengths) > 1 else ""
            style = _STYLES[number % len(_STYLES)]
            lines.append((literal(model.label), name, f"C{index % 10}", style, cells))
    return lines
