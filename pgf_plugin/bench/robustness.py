"""From tests on corrupted test sets to one panel for each dataset and corruption."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pgf_plugin.bench.cells import format_seeds, format_spread
from pgf_plugin.bench.collect import Spread
from pgf_plugin.bench.names import row_label
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.evaluation import METRICS
from pgf_plugin.frames import save_parquet
from pgf_plugin.tables import markdown_lines, markdown_text

FRAME_FILE = "corruptions.parquet"
CLEAN = "none"
"""Strength of the test set as it is."""


class Line(NamedTuple):
    """One model, with one setting, in a panel.

    Attributes:
        model, setting: their names.
        label: name of the row in the table of the bench.
        seeds: seeds of the finished trials that were tested at every strength.
        values: metric of each of those seeds, by strength.
    """

    model: str
    setting: str
    label: str
    seeds: list[int]
    values: list[list[float]]

    @property
    def name(self) -> str:
        """Model and setting as one name."""
        return row_label(self.model, "", self.setting)

    @property
    def spreads(self) -> list[Spread]:
        """Mean and deviation over the seeds, by strength."""
        return [Spread.of(values) for values in self.values]


class Panel(NamedTuple):
    """What one corruption does to the models on one dataset.

    Attributes:
        dataset: name of the data; empty where a bench has one.
        corruption: its name.
        metric: test metric.
        strengths: as text; the first is :data:`CLEAN`.
        lines: one a model and setting that has a seed.
    """

    dataset: str
    corruption: str
    metric: str
    strengths: list[str]
    lines: list[Line]

    @property
    def name(self) -> str:
        """Dataset and corruption as one name."""
        return f"{self.dataset}: {self.corruption}" if self.dataset else self.corruption


def panels(results: Sequence[TrialResult], metric: str | None = None) -> list[Panel]:
    """Collect the tests on corrupted test sets.

    Args:
        results: of the trials of one bench.
        metric: test metric; None for the one that chose the checkpoints.

    Returns:
        by dataset and corruption, in the order of the trials; none where nothing was tested.
    """
    finished = [result for result in results if result.status == "finished"]
    if not finished:
        return []
    metric = metric or finished[0].selection
    places = dict.fromkeys((r.dataset, t.corruption) for r in finished for t in r.corrupted)
    order = list(dict.fromkeys(result.dataset for result in finished))
    found = [
        _panel([r for r in finished if r.dataset == dataset], dataset, corruption, metric)
        for dataset, corruption in sorted(places, key=lambda place: order.index(place[0]))
    ]
    return [panel for panel in found if panel.lines]


def _panel(results: Sequence[TrialResult], dataset: str, corruption: str, metric: str) -> Panel:
    scores = [_scores(result, corruption, metric) for result in results]
    strengths = list(dict.fromkeys(strength for known in scores for strength in known))
    groups: dict[tuple[str, str], list[tuple[int, dict[str, float]]]] = {}
    for result, known in zip(results, scores, strict=True):
        if len(known) == len(strengths):
            groups.setdefault((result.model, result.setting), []).append((result.seed, known))
    lines = [
        Line(
            model,
            setting,
            row_label(model, dataset, setting),
            [seed for seed, _ in trials],
            [[known[strength] for _, known in trials] for strength in strengths],
        )
        for (model, setting), trials in groups.items()
    ]
    return Panel(dataset, corruption, metric, strengths, lines)


def _scores(result: TrialResult, corruption: str, metric: str) -> dict[str, float]:
    """A metric of a trial by strength, as far as it was measured."""
    tests = [test for test in result.corrupted if test.corruption == corruption]
    scores = {test.strength: test.metrics[metric] for test in tests if metric in test.metrics}
    return {CLEAN: result.metrics[metric], **scores} if metric in result.metrics else {}


def panels_frame(results: Sequence[TrialResult]) -> pd.DataFrame:
    """One row for each trial, corruption and strength: its test metrics, or why there are none."""
    return pd.DataFrame(
        [
            {
                **{key: getattr(result, key) for key in ("dataset", "model", "setting", "seed")},
                **{key: getattr(test, key) for key in ("corruption", "strength", "transform")},
                **{f"metric/{name}": value for name, value in test.metrics.items()},
                "error": test.error,
            }
            for result in results
            for test in result.corrupted
        ]
    )


def write_panels_frame(results: Sequence[TrialResult], folder: Path) -> Path:
    """Write ``corruptions.parquet`` to ``folder``, whole or not at all, and return its path."""
    save_parquet(panels_frame(results), folder / FRAME_FILE)
    return folder / FRAME_FILE


def panels_json(found: Sequence[Panel]) -> list[dict[str, Any]]:
    """Panels as JSON has them, with mean and deviation over the seeds."""
    return [
        {
            **{key: getattr(panel, key) for key in ("dataset", "corruption", "metric")},
            "strengths": panel.strengths,
            "rows": [
                {
                    "model": line.model,
                    "setting": line.setting,
                    "seeds": line.seeds,
                    "values": line.values,
                    "mean": [spread.mean for spread in line.spreads],
                    "std": [spread.std for spread in line.spreads],
                }
                for line in panel.lines
            ],
        }
        for panel in found
    ]


def panels_text(results: Sequence[TrialResult]) -> str:
    """The panels as Markdown, one table each, under a heading; empty where there are none."""
    found = panels(results)
    if not found:
        return ""
    parts = ["## On corrupted test sets\n", f"{markdown_text(about(found))}\n"]
    parts += [f"{markdown_text(said)}\n" for said in failures(results)]
    for panel in found:
        cells = [[markdown_text(line.name), *line_cells(panel, line)] for line in panel.lines]
        headings = ["model", *(markdown_text(strength) for strength in panel.strengths)]
        parts += [f"### {markdown_text(panel.name)}\n", markdown_lines(headings, cells)]
    return "\n".join(parts)


def line_cells(panel: Panel, line: Line) -> list[str]:
    """``mean ± std`` of a line at every strength."""
    info = METRICS.get(panel.metric)
    percent = bool(info and info.percent)
    return [format_spread(spread, percent=percent) for spread in line.spreads]


def about(found: Sequence[Panel]) -> str:
    """What the panels show, and over which seeds."""
    metric = found[0].metric
    label = METRICS[metric].label if metric in METRICS else metric
    lines = [line for panel in found for line in panel.lines]
    over = format_seeds(sorted({seed for line in lines for seed in line.seeds}))
    if any(len(line.seeds) > 1 for line in lines):
        over = f"mean ± std over {over}"
    return (
        f"Test {label} of the checkpoints of the table above, not trained again, where the test "
        f"set is corrupted; {over}."
    )


def failures(results: Sequence[TrialResult]) -> list[str]:
    """The tests that could not be made, and why."""
    return [
        f"{result.label}, seed {result.seed}, {test.corruption} {test.strength}: {test.error}"
        for result in results
        for test in result.failed_tests
    ]
