"""What every plot is drawn on, without the state and the windows of pyplot."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pgf_plugin.checkpoint_files import AtomicLocalBackend

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, ``width`` times ``height`` inches, whose parts make room for each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_png(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    image = BytesIO()
    figure.savefig(image, dpi=120, format="png")
    AtomicLocalBackend().put(image.getvalue(), path)


def literal(text: str) -> str:
    """Return ``text`` so that matplotlib reads no formula, and no label to be left out, in it."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
