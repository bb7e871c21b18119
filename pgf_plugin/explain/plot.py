"""The pictures: gates and contributions, attention maps, counterfactuals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pgf_plugin.explain.maps import AttentionMap
from pgf_plugin.explain.study import Explanation
from pgf_plugin.figures import literal, new_figure, save_png


def save_contributions(told: Explanation, path: Path) -> None:
    """Draw what each modality contributes by layer (rows) and group of dimensions (columns)."""
    parts = told.sums.summary()
    highest = max(np.max(values) for values in parts.values()) or 1.0
    layers = len(next(iter(parts.values())))
    figure = new_figure(4.5 * len(parts) + 1, 2 + 0.35 * layers)
    several = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, (name, values) in zip(several, parts.items(), strict=True):
        image = axes.imshow(values, aspect="auto", vmin=0, vmax=highest, cmap="viridis")
        axes.set_title(name)
        axes.set_xlabel("group of neighbouring dimensions")
        axes.set_yticks(range(layers), map(literal, told.layers))
        axes.set_ylabel("layer")
    figure.colorbar(image, ax=list(several), label="attention * (1 - gate)")
    save_png(figure, path)


def save_map(one: AttentionMap, layer_names: Sequence[str], path: Path) -> None:
    """Draw token by step, a row a layer and a column a modality; a white dot is the word's time."""
    names = [name for name, values in one.attention.items() if values.shape[2]]
    height = 0.7 + 0.17 * len(one.tokens)
    figure = new_figure(5 * len(names) + 1, 1 + height * len(layer_names))
    grid = figure.subplots(len(layer_names), len(names), squeeze=False)
    for column, name in enumerate(names):
        for layer, (axes, called) in enumerate(zip(grid[:, column], layer_names, strict=True)):
            _draw(axes, one, name, layer)
            axes.set_title(literal(f"{name}, layer {called}"), fontsize="medium")
    for axes, name in zip(grid[-1], names, strict=True):
        axes.set_xlabel("seconds" if name in one.step_times else "step")
    figure.suptitle(literal(one.id))
    save_png(figure, path)


def _draw(axes: Any, one: AttentionMap, name: str, layer: int) -> None:
    values = one.attention[name][layer]
    times = one.step_times.get(name)
    half = 0.5 if times is None or len(times) < 2 else float(np.diff(times).mean()) / 2
    left, right = (0, values.shape[1] - 1) if times is None else (times[0], times[-1])
    edges = (left - half, right + half, len(one.tokens) - 0.5, -0.5)
    axes.imshow(values, aspect="auto", cmap="viridis", vmin=0, extent=edges)
    axes.set_yticks(range(len(one.tokens)), map(literal, one.tokens), fontsize="x-small")
    if times is not None:
        style = dict(color="white", edgecolors="black", linewidths=0.5, s=14)
        axes.scatter(one.centres, range(len(one.tokens)), **style)
        axes.set_xlim(edges[0], edges[1])


def save_counterfactuals(told: Explanation, path: Path) -> None:
    """Draw the change of the error by each edit, with its interval."""
    found = told.counterfactuals
    figure = new_figure(7, 1.5 + 0.4 * len(found))
    axes = figure.subplots()
    for place, each in enumerate(found):
        axes.plot([each.low, each.high], [place, place], color="C0")
        axes.plot(each.error_change, place, "o", color="C0")
    axes.set_yticks(range(len(found)), [f"{each.edit} {each.modality}" for each in found])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"change of the {told.measure} (95 % interval over utterances)")
    axes.grid(alpha=0.3, axis="x")
    save_png(figure, path)
