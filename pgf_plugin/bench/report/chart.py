"""The frame of a chart: an SVG with axes, a grid and their names."""

from typing import Any

from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.scale import Scale, tick_text

MAX_LABEL = 56
"""Characters of a name over its line of a chart."""


def svg(width: float, height: float, name: str, *parts: Any) -> Markup:
    """An SVG that is read out as ``name``."""
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=name,
        style=f"max-width:{1.25 * width:.0f}px",
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A line in the CSS class ``kind``."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def text(x: float, y: float, content: Any, kind: str = "") -> Markup:
    """A text; ``kind`` has ``mid`` or ``end`` where ``x`` is not where it begins."""
    return tag("text", content, x=x, y=y, class_=kind or None)


def bottom_axis(scale: Scale, top: float, bottom: float, name: str, count: int = 6) -> Markup:
    """Axis and grid of ``scale`` along ``bottom``."""
    ticks = (
        join(
            line(scale(tick), top, scale(tick), bottom, "grid"),
            text(scale(tick), bottom + 15, tick_text(tick), "tick mid"),
        )
        for tick in scale.ticks(count)
    )
    middle = (scale.start + scale.end) / 2
    return join(
        *ticks,
        line(scale.start, bottom, scale.end, bottom, "axis"),
        text(middle, bottom + 33, name, "name mid"),
    )


def left_axis(scale: Scale, left: float, right: float, name: str = "", count: int = 5) -> Markup:
    """Axis and grid of ``scale``, whose start is at the bottom, along ``left``; ``name`` on top."""
    ticks = (
        join(
            line(left, scale(tick), right, scale(tick), "grid"),
            text(left - 6, scale(tick) + 4, tick_text(tick), "tick end"),
        )
        for tick in scale.ticks(count)
    )
    named = text(4, scale.end - 9, name, "name") if name else None
    return join(*ticks, line(left, scale.start, left, scale.end, "axis"), named)


def figure(chart: Any, caption: Any, *, metric: str | None = None, wide: bool = False) -> Markup:
    """A chart in a box of its own, with ``caption`` over it.

    Args:
        chart: the SVG, and what belongs to it.
        caption: what it shows.
        metric: metric that is drawn, where the reader chooses one.
        wide: whether the box is as wide as the page.
    """
    return tag(
        "figure",
        tag("figcaption", caption),
        tag("div", chart, class_="scroll"),
        class_="wide" if wide else None,
        data_metric=metric,
    )
