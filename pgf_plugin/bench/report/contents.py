"""What a report is about: trials, rows and metrics, and how each model looks in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.published import Published
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.evaluation import METRICS
from pgf_plugin.evaluation.statistics import Interval, seeds_interval
from pgf_plugin.tables import MISSING

LARGE = 40
"""Rows from which on a report leaves out what can be read elsewhere."""


class Metric(NamedTuple):
    """A test metric and how to show it.

    Attributes:
        name: key in the results.
        label: name in tables.
        higher: whether higher is better; None where nobody said.
        percent: whether fractions are shown as percentages.
    """

    name: str
    label: str
    higher: bool | None
    percent: bool

    @classmethod
    def called(cls, name: str) -> "Metric":
        """The metric ``name``, of this package or of a user's own."""
        info = METRICS.get(name)
        if info is None:
            return cls(name, name, None, False)
        return cls(name, info.label, info.higher_is_better, info.percent)

    @property
    def title(self) -> str:
        """Name, unit and direction for an axis."""
        unit = ", per cent" if self.percent else ""
        better = {True: ", higher is better", False: ", lower is better", None: ""}[self.higher]
        return f"test {self.label}{unit}{better}"

    def scaled(self, value: float) -> float:
        """Return ``value`` as it is drawn."""
        return 100 * value if self.percent else value

    def shown(self, value: float) -> str:
        """Return ``value`` as text."""
        if not math.isfinite(value):
            return MISSING
        return f"{self.scaled(value):.{1 if self.percent else 3}f}"


@dataclass(frozen=True)
class Contents:
    """What the sections of a report are made from.

    Attributes:
        title: of the bench.
        rows: one for each model, dataset and setting, with intervals and comparisons.
        results: every trial.
        work_dir: folder of the bench.
        selection: by which rule checkpoints were chosen.
        published: numbers of publications, to be shown beside the rows.
    """

    title: str
    rows: Sequence[Row]
    results: Sequence[TrialResult]
    work_dir: Path
    selection: str = ""
    published: Sequence[Published] = ()

    @cached_property
    def finished(self) -> list[Row]:
        """Rows that have a finished trial."""
        return [row for row in self.rows if row.seeds]

    @cached_property
    def datasets(self) -> list[str]:
        """Names of the data in the order of the trials; one empty name where a bench has one."""
        return list(dict.fromkeys(row.dataset for row in self.rows))

    @cached_property
    def models(self) -> list[str]:
        """Names of the models in the order of the trials."""
        return list(dict.fromkeys(row.model for row in self.rows))

    @property
    def chosen_by(self) -> Metric:
        """The validation metric that chose the checkpoints: the same for all trials of a bench."""
        return Metric.called(self.results[0].selection)

    @cached_property
    def metrics(self) -> list[Metric]:
        """Every test metric that a row has; first the one by which the checkpoints were chosen."""
        found = dict.fromkeys(name for row in self.rows for name in row.metrics)
        names = sorted(found, key=lambda name: name != self.chosen_by.name)
        return [Metric.called(name) for name in names]

    @property
    def drawn(self) -> list[Metric]:
        """The metrics of charts: of a large bench the first ones, so that the file stays small."""
        return self.metrics if len(self.finished) <= LARGE else self.metrics[:4]

    @cached_property
    def _trials(self) -> dict[str, list[TrialResult]]:
        trials: dict[str, list[TrialResult]] = {}
        for result in self.results:
            if result.status == "finished":
                trials.setdefault(result.label, []).append(result)
        return trials

    def trials(self, row: Row) -> list[TrialResult]:
        """The finished trials of a row."""
        return self._trials.get(row.label, [])

    def values(self, row: Row, metric: str) -> list[float]:
        """A metric of each finished trial of a row; NaN where a trial lacks it."""
        return [trial.metrics.get(metric, math.nan) for trial in self.trials(row)]

    def interval(self, row: Row, metric: str) -> Interval | None:
        """95 % interval of a row's mean: of the MAE that of the row, of others over the seeds."""
        return row.interval if metric == "MAE" else self._over_seeds.get((row.label, metric))

    @cached_property
    def _over_seeds(self) -> dict[tuple[str, str], Interval | None]:
        return {
            (row.label, metric.name): seeds_interval(self.values(row, metric.name))
            for row in self.finished
            for metric in self.metrics
            if metric.name != "MAE"
        }

    @property
    def has_comparisons(self) -> bool:
        """Whether rows were compared with a reference."""
        return any(row.against for row in self.rows)

    @property
    def planted(self) -> bool:
        """Whether audio or vision of a dataset were made from its labels."""
        return any(result.data.get("planted") for result in self.results)

    @property
    def notes(self) -> list[str]:
        """What the datasets say of themselves."""
        notes = (result.data.get("note") for result in self.results)
        return list(dict.fromkeys(str(note) for note in notes if note))


def short(text: str, length: int) -> str:
    """Cut ``text`` to ``length`` characters."""
    return text if len(text) <= length else f"{text[: length - 1]}\N{HORIZONTAL ELLIPSIS}"


def row_name(row: Row, contents: Contents) -> str:
    """Name of a row among those of its dataset: the dataset itself is told elsewhere."""
    return row.label if len(contents.datasets) < 2 else row._replace(dataset="").label
