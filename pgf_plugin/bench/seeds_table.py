"""Every trial of a bench on a line of its own, and what they all stand on."""

import math
from collections.abc import Sequence

from pgf_plugin.bench.basis import common_to_all, provenance
from pgf_plugin.bench.cells import columns_of, number_cells
from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.names import row_label
from pgf_plugin.bench.pace import unit_heading
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.tables import MISSING, markdown_lines, markdown_text

_COLUMNS = ("validation {metric}", "{unit}", "seconds")


def seeds_table(rows: Sequence[Row], results: Sequence[TrialResult]) -> str:
    """Render the trials of ``rows``, of one dataset, as a Markdown table, in the order of the rows.

    Args:
        rows: of one dataset.
        results: of the whole bench.
    """
    shown = columns_of(rows)
    lines = []
    for row in rows:
        for trial in (each for each in results if each.label == row.label):
            name = markdown_text(row_label(trial.model, "", trial.setting))
            if trial.status != "finished":
                blank = [""] * (len(shown) - 1 + len(_COLUMNS))
                lines.append([name, str(trial.seed), "failed", *blank])
                continue
            numbers = number_cells(trial.metrics, shown, " / ")
            lines.append([name, str(trial.seed), *numbers, *_outcome(trial)])
    unit = unit_heading(trial.unit for trial in results if trial.status == "finished")
    own = [heading.format(metric=results[0].selection, unit=unit) for heading in _COLUMNS]
    headings = ["model", "seed", *(heading for heading, _ in shown), *own]
    return markdown_lines(headings, lines)


def provenance_text(results: Sequence[TrialResult]) -> str:
    """Say in Markdown what the finished trials stand on: what is common, then what is not."""
    finished = [result for result in results if result.status == "finished"]
    if not finished:
        return ""
    common = common_to_all(finished)
    lines = [f"- {key}: {markdown_text(value)}" for key, value in common.items()]
    own: dict[str, dict[str, list[str]]] = {}
    for result in finished:
        for key, value in provenance(result).items():
            if key not in common:
                trials = own.setdefault(key, {}).setdefault(value, [])
                trials.append(f"{result.label}, seed {result.seed}")
    for key, values in own.items():
        lines.append(f"- {key}:")
        for value, trials in values.items():
            lines.append(f"  - {markdown_text(value)}: {markdown_text('; '.join(trials))}")
    return "\n".join(lines) + "\n"


def _outcome(trial: TrialResult) -> list[str]:
    score, seconds = trial.val_score, trial.train_seconds
    return [
        MISSING if score is None or math.isnan(score) else f"{score:.3f}",
        MISSING if not trial.best_epoch else str(trial.best_epoch),
        MISSING if seconds is None else f"{seconds:.0f}",
    ]
