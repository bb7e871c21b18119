"""The comparison plot: error by model, every seed shown, and error against size."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.checkpoint_files import AtomicLocalBackend


def save_plot(rows: Sequence[Row], results: Sequence[TrialResult], title: str, path: Path) -> None:
    """Draw ``rows`` to ``path`` (PNG).

    Left: test MAE of each model, mean as a bar, each seed as a dot, and the best achievable error
    as lines where the data set knows it. Right: test MAE against trainable parameters.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    by_model, by_size = figure.subplots(1, 2, width_ratios=(3, 2))
    finished = [row for row in rows if row.seeds]
    for place, row in enumerate(finished):
        color = f"C{place}"
        maes = [
            result.metrics["MAE"]
            for result in results
            if result.label == row.label and result.status == "finished"
        ]
        by_model.barh(place, row.metrics["MAE"].mean, color=color, alpha=0.35, height=0.6)
        by_model.plot(maes, [place] * len(maes), "o", color=color, markersize=6)
        size, label = (row.trainable or 0) / 1e6, _literal(row.label)
        by_size.plot(size, row.metrics["MAE"].mean, "o", color=color, label=label)
    _draw_floors(by_model, results)
    by_model.set_yticks(range(len(finished)), [_literal(row.label) for row in finished])
    by_model.invert_yaxis()
    by_model.set_xlabel("test MAE, lower is better (bar: mean, dots: seeds)")
    by_size.set_xlabel("trainable parameters, millions")
    by_size.set_ylabel("test MAE (mean)")
    by_size.grid(alpha=0.3)
    by_size.legend(fontsize="small")
    planted = any(result.data.get("planted") for result in results)
    figure.suptitle(_literal(f"{title} (planted audio or vision)" if planted else title))
    image = BytesIO()
    figure.savefig(image, dpi=120, format="png")
    AtomicLocalBackend().put(image.getvalue(), path)


def _literal(text: str) -> str:
    """Return ``text`` so that matplotlib reads no formula between dollar signs."""
    return text.replace("$", r"\$")


def _draw_floors(axes, results: Sequence[TrialResult]) -> None:
    known = (result.data.get("best_achievable_mae") for result in results)
    floors: dict[str, float] = next(filter(None, known), {})
    for name, style in (("text", "--"), ("all", ":")):
        if name in floors:
            label = f"best achievable, {'text alone' if name == 'text' else 'all modalities'}"
            axes.axvline(floors[name], color="0.2", linestyle=style, label=label)
    if floors:
        place = dict(loc="lower center", bbox_to_anchor=(0.5, 1.0))  # above, where no bar is
        axes.legend(fontsize="small", ncols=2, frameon=False, **place)
