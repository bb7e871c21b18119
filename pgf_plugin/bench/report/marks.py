"""The mark of a model: a colour and a shape, so that neither has to be told apart alone."""

import math
from collections.abc import Sequence

from pgf_plugin.bench.report.markup import Markup, join, tag

COLORS = 7
"""Colours ``--c0`` … of ``page.css``, those of Okabe and Ito without yellow."""

_SIDES = (0, 4, 3, 5)
"""Corners of the shapes; 0 is a circle."""


class Marks:
    """Marks of the models of a report.

    Args:
        models: their names; the first seven are circles of seven colours, the next seven squares.
    """

    def __init__(self, models: Sequence[str]) -> None:
        self._places = {model: place for place, model in enumerate(models)}

    def style(self, model: str) -> str:
        """CSS that sets the colour ``--c`` for an element and what is in it."""
        return f"--c:var(--c{self._places[model] % COLORS})"

    def draw(self, model: str, x: float, y: float, size: float, note: str, kind: str) -> Markup:
        """Draw the mark of ``model``, with ``note`` to be read on it, in the CSS class ``kind``."""
        sides = _SIDES[self._places[model] // COLORS % len(_SIDES)]
        title = tag("title", note) if note else None
        attributes = {"class_": kind, "style": self.style(model)}
        if not sides:
            return tag("circle", title, cx=x, cy=y, r=size, **attributes)
        corners = (math.pi * (2 * side / sides - 0.5) for side in range(sides))
        points = " ".join(
            f"{x + 1.25 * size * math.cos(angle):.1f},{y + 1.25 * size * math.sin(angle):.1f}"
            for angle in corners
        )
        return tag("polygon", title, points=points, **attributes)

    def draw_published(self, x: float, y: float, size: float, note: str) -> Markup:
        """Draw the mark of a number from a publication: a hollow diamond without a colour."""
        points = f"{x - size},{y} {x},{y - size} {x + size},{y} {x},{y + size}"
        return tag("polygon", tag("title", note), points=points, class_="paper")

    def legend(self, models: Sequence[str]) -> Markup:
        """The names of ``models`` behind their marks."""
        items = (
            tag(
                "li",
                tag(
                    "svg",
                    self.draw(model, 7, 7, 5, "", "mean"),
                    viewBox="0 0 14 14",
                    width=14,
                    height=14,
                    aria_hidden="true",
                ),
                " ",
                model,
            )
            for model in models
        )
        return tag("ul", join(*items), class_="legend")
