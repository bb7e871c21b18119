"""Matrices as pictures: a pixel a number, in colours that the colour-blind tell apart."""

import base64
from io import BytesIO

import numpy as np

from pgf_plugin.bench.report.chart import text
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.scale import tick_text


def heat(
    values: np.ndarray, x: float, y: float, width: float, height: float, low: float, high: float
) -> Markup:
    """An SVG image of ``values``, (rows, columns), whose colours go from ``low`` to ``high``."""
    return tag(
        "image",
        href=picture(values, low, high),
        x=x,
        y=y,
        width=width,
        height=height,
        preserveAspectRatio="none",
        class_="heat",
    )


def picture(values: np.ndarray, low: float, high: float) -> str:
    """A PNG of ``values``, (rows, columns), as a data URI."""
    from matplotlib import colormaps
    from PIL import Image

    shares = (np.asarray(values, dtype=float) - low) / ((high - low) or 1.0)
    colors = colormaps["cividis"](np.clip(np.nan_to_num(shares), 0, 1), bytes=True)
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(colors[..., :3])).save(file, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def color_key(x: float, y: float, low: float, high: float, name: str, width: float = 90) -> Markup:
    """The colours and what they stand for, on a line of their own."""
    ramp = heat(np.linspace(0, 1, 64)[None], x, y, width, 9, 0, 1)
    return join(
        ramp,
        text(x - 5, y + 9, tick_text(round(low, 3)), "tick end"),
        text(x + width + 5, y + 9, f"{tick_text(round(high, 3))}  {name}", "tick"),
    )
