"""Gates and attention of a row, layer by layer: the mean over its seeds."""

from collections.abc import Sequence

import numpy as np

from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.looks import LOOKS_FILE, Looks, load_looks
from pgf_plugin.bench.report.chart import figure, line, svg, text
from pgf_plugin.bench.report.contents import Contents
from pgf_plugin.bench.report.heat import color_key, heat
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.scale import Scale
from pgf_plugin.bench.report.tokens import token_maps

_WIDTH, _HEIGHT, _LEFT, _TOP = 470, 250, 46, 26
_SHOWN, _WITH_TOKENS = 24, 8
"""Rows that are shown, and those of which single utterances are, so that the file stays small."""


def gate_pictures(contents: Contents) -> Markup | None:
    """The pictures of every row whose model has gates or attention; None where none has."""
    blocks: list[Markup] = []
    for row in contents.finished:
        if len(blocks) == _SHOWN:
            left_out = (
                f"Further rows are left out; their numbers are in {LOOKS_FILE} of each trial."
            )
            blocks.append(tag("p", left_out, class_="lead"))
            break
        found = [load_looks(trial.folder(contents.work_dir)) for trial in contents.trials(row)]
        looks = _alike([look for look in found if look is not None])
        if looks:
            blocks.append(_block(row, looks, len(blocks)))
    return join(*blocks) if blocks else None


def _alike(looks: Sequence[Looks]) -> list[Looks]:
    """Those that have as many layers, groups and modalities as the first."""
    shapes = [
        ({k: np.shape(v) for k, v in look.gates.items()}, list(look.attention)) for look in looks
    ]
    return [look for look, shape in zip(looks, shapes, strict=True) if shape == shapes[0]]


def _block(row: Row, looks: Sequence[Looks], place: int) -> Markup:
    seeds = f"{len(looks)} seed{'s' if len(looks) > 1 else ''}"
    seen = f"Mean over {seeds}, over the real tokens of {looks[0].utterances} test utterances."
    pictures = [_gate_profile(looks), _attention_share(looks), _gate_groups(looks)]
    tokens = token_maps(looks[0]) if place < _WITH_TOKENS else None
    return tag(
        "details",
        tag("summary", tag("h3", row.label)),
        tag("p", seen, class_="lead"),
        tag("div", *pictures, tokens, class_="grid"),
        open=place == 0,
    )


def _gate_profile(looks: Sequence[Looks]) -> Markup | None:
    if not looks[0].gates:
        return None
    seeds = {name: np.array([look.gates[name] for look in looks]) for name in looks[0].gates}
    mean, std = seeds["mean"].mean(0), seeds["std"].mean(0)  # (layers,)
    x, y = _layers(len(mean)), Scale(0, 1, _HEIGHT - 44, _TOP)
    upper = [f"{x(n):.1f},{y(value):.1f}" for n, value in enumerate(np.minimum(mean + std, 1))]
    lower = [f"{x(n):.1f},{y(value):.1f}" for n, value in enumerate(np.maximum(mean - std, 0))]
    dots = (
        tag(
            "circle",
            tag("title", f"layer {looks[0].first_layer + n}: mean gate {value:.3f}"),
            cx=x(n),
            cy=y(value),
            r=3.5,
            class_="seed",
        )
        for values in seeds["mean"].tolist()
        for n, value in enumerate(values)
    )
    chart = svg(
        _WIDTH,
        _HEIGHT,
        "mean, spread and saturation of the gate in each layer",
        _axes(x, y, looks[0].first_layer, len(mean), "gate (1 keeps the language)"),
        tag("polygon", points=" ".join([*upper, *reversed(lower)]), class_="band"),
        tag("path", d=_path(x, y, mean), class_="curve strong"),
        tag("path", d=_path(x, y, seeds["saturation"].mean(0)), class_="curve dashed second"),
        *dots,
    )
    key = tag(
        "p",
        tag("span", "mean (dots: seeds, band: ± std over tokens and dimensions)", class_="key"),
        " ",
        tag("span", "saturation: share of gates within 0.05 of an end", class_="key second"),
        class_="lead",
    )
    return figure(join(chart, key), tag("strong", "Gate of each layer"))


def _attention_share(looks: Sequence[Looks]) -> Markup | None:
    shares = {  # modality to (layers,)
        name: np.mean([look.attention[name] for look in looks], axis=0)
        for name in looks[0].attention
    }
    if not shares:
        return None
    count = len(next(iter(shares.values())))
    x, y = _layers(count), Scale(0, 1, _HEIGHT - 44, _TOP)
    width = 0.7 * (x.end - x.start) / count
    bars, below = [], np.zeros(count)
    for place, (name, share) in enumerate(shares.items()):
        for layer, value in enumerate(share.tolist()):
            top, bottom = y(below[layer] + value), y(below[layer])
            told = f"layer {looks[0].first_layer + layer}: {100 * value:.0f} % on {name}"
            rectangle = {"x": x(layer) - width / 2, "y": top, "height": max(bottom - top, 0.0)}
            bar = tag(
                "rect", tag("title", told), width=width, class_=f"share m{place}", **rectangle
            )
            bars.append(bar)
            if bottom - top > 14 and width > 24:
                middle = (top + bottom) / 2 + 4
                bars.append(text(x(layer), middle, f"{100 * value:.0f} %", f"on m{place} mid"))
        below += share
    chart = svg(
        _WIDTH,
        _HEIGHT,
        "share of the attention on each modality in each layer",
        _axes(x, y, looks[0].first_layer, count, "share of the attention"),
        *bars,
    )
    names = (tag("span", name, class_=f"key m{place}") for place, name in enumerate(shares))
    caption = tag("strong", "Where the cross-attention looks")
    return figure(join(chart, tag("p", *_between(names, " "), class_="lead")), caption)


def _gate_groups(looks: Sequence[Looks]) -> Markup | None:
    if not looks[0].gates:
        return None
    groups = np.mean([look.gates["groups"] for look in looks], axis=0)  # (layers, G)
    low, high = float(groups.min()), float(groups.max())
    step = max(10.0, min(26.0, 200 / len(groups)))
    bottom = 14 + step * len(groups)
    labels = (
        text(_LEFT - 6, 14 + step * (n + 0.5) + 4, looks[0].first_layer + n, "tick end")
        for n in range(len(groups))
    )
    chart = svg(
        _WIDTH,
        bottom + 46,
        "mean gate of groups of dimensions in each layer",
        heat(groups, _LEFT, 14, _WIDTH - 12 - _LEFT, step * len(groups), low, high),
        *labels,
        text(4, 9, "layer", "name"),
        text((_LEFT + _WIDTH) / 2, bottom + 14, "dimensions, in groups of neighbours", "name mid"),
        color_key(_LEFT + 40, bottom + 28, low, high, "mean gate"),
    )
    return figure(chart, tag("strong", "Gate by dimension"))


def _layers(count: int) -> Scale:
    """Places of the layers 0 … count - 1, counted from the first fused one."""
    return Scale(-0.6, count - 0.4, _LEFT, _WIDTH - 12)


def _axes(x: Scale, y: Scale, first: int, count: int, name: str) -> Markup:
    grid = (
        join(
            line(x.start, y(tick), x.end, y(tick), "grid"),
            text(x.start - 6, y(tick) + 4, f"{tick:g}", "tick end"),
        )
        for tick in (0, 0.25, 0.5, 0.75, 1)
    )
    step = -(-count // 16)
    numbers = (
        text(x(n), y.start + 15, first + n, "tick mid") for n in range(0, count, max(step, 1))
    )
    middle = (x.start + x.end) / 2
    return join(
        *grid,
        *numbers,
        line(x.start, y.start, x.end, y.start, "axis"),
        text(middle, y.start + 33, "encoder layer", "name mid"),
        text(4, y.end - 9, name, "name"),
    )


def _path(x: Scale, y: Scale, values: np.ndarray) -> str:
    return "M" + "L".join(f"{x(n):.1f},{y(v):.1f}" for n, v in enumerate(values.tolist()))


def _between(parts, separator: str) -> list:
    """The parts with ``separator`` between them."""
    return [piece for part in parts for piece in (part, separator)][:-1]
