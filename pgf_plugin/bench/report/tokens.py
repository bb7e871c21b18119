"""A few utterances, token by token: where the gate opens and where the attention looks."""

import numpy as np

from pgf_plugin.bench.looks import Looks, UtteranceLook
from pgf_plugin.bench.report.chart import figure, svg, text
from pgf_plugin.bench.report.contents import short
from pgf_plugin.bench.report.heat import color_key, heat
from pgf_plugin.bench.report.markup import Markup, join, tag

_LABELS, _TOP, _STEP, _CELL, _GAP = 110, 40, 17, 12, 22


def token_maps(looks: Looks) -> Markup | None:
    """The pictures of the utterances of one seed; None where there is none."""
    figures = [_figure(look, looks.first_layer) for look in looks.maps if look.tokens]
    return join(*figures) if any(figures) else None


def _figure(look: UtteranceLook, first_layer: int) -> Markup | None:
    gates = np.asarray(look.gates, dtype=float)  # (layers, L)
    # A model with gates and no attention has modalities without a layer.
    attention = {name: np.asarray(v, dtype=float) for name, v in look.attention.items() if v}
    layers = max([len(gates), *map(len, attention.values())])
    if not layers:
        return None
    shown = _most_open(gates, layers)
    height, x, parts = _STEP * len(look.tokens), float(_LABELS), []
    if gates.size:
        width = _width(layers)
        low, high = float(gates.min()), float(gates.max())
        parts += [
            heat(gates.T, x, _TOP, width, height, low, high),
            text(x + width / 2, 14, "gate", "label mid"),
            text(x + width / 2, 30, f"layers {first_layer}…{first_layer + layers - 1}", "tick mid"),
            color_key(x + 44, _TOP + height + 12, low, high, "gate"),
        ]
        x += width + _GAP
    if attention:
        maps, x = _attention(attention, look.steps, x, height, shown)
        parts.append(maps)
    labels = (
        text(_LABELS - 8, _TOP + _STEP * (n + 0.5) + 4, short(token, 14), "row end")
        for n, token in enumerate(look.tokens)
    )
    name = f"gate and attention of each token of {short(look.text or look.id, 60)}"
    chart = svg(max(x, 420), _TOP + height + 46, name, *labels, *parts)
    return figure(join(_chooser(attention, first_layer, shown), chart), _told(look))


def _most_open(gates: np.ndarray, layers: int) -> int:
    """The layer where the attention counts most: that of the lowest gate; the last without gate."""
    return int(gates.mean(1).argmin()) if gates.size else layers - 1


def _attention(
    attention: dict[str, np.ndarray], steps: dict[str, int], x: float, height: float, shown: int
) -> tuple[Markup, float]:
    """The maps of every layer on top of each other; the page shows one of them."""
    high = max(float(values.max()) for values in attention.values()) or 1.0
    parts = []
    for name, layers in attention.items():  # (layers, L, bins)
        width = _width(layers.shape[2])
        parts += [
            text(x + width / 2, 14, f"attention to {name}", "label mid"),
            text(x + width / 2, 30, f"{steps.get(name, 0)} steps", "tick mid"),
        ]
        for number, values in enumerate(layers):
            picture = heat(values, x, _TOP, width, height, 0.0, high)
            kind = "layer" if number == shown else "layer off"
            parts.append(tag("g", picture, class_=kind, data_layer=number))
        x += max(width, 110) + _GAP
    parts.append(color_key(_LABELS + 44.0, _TOP + height + 30, 0.0, high, "attention"))
    return join(*parts), x


def _width(cells: int) -> float:
    return float(min(max(_CELL * cells, 60), 180))


def _chooser(attention: dict[str, np.ndarray], first_layer: int, shown: int) -> Markup | None:
    layers = len(next(iter(attention.values()))) if attention else 0
    if layers < 2:
        return None
    options = (
        tag("option", first_layer + number, value=number, selected=number == shown)
        for number in range(layers)
    )
    return tag(
        "label", "Attention of layer ", tag("select", *options, data_layers=True), class_="control"
    )


def _told(look: UtteranceLook) -> Markup:
    label = "" if look.label is None else f"label {look.label:+.2f}, "
    said = tag("q", short(look.text, 160)) if look.text else look.id
    return join(said, tag("span", f" {label}prediction {look.prediction:+.2f}", class_="muted"))
