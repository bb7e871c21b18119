"""Numbers from publications, shown beside those of a bench and never mixed into them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pgf_plugin.evaluation import METRICS

MARK = "(paper)"
"""What marks such a number wherever it is shown."""


class Published(NamedTuple):
    """One row from a publication.

    Attributes:
        model: the model's name.
        source: where the numbers stand.
        dataset: name of the bench's dataset they belong to; empty for its only one.
        metrics: numbers by the names of the bench's metrics, fractions.
    """

    model: str
    source: str
    dataset: str
    metrics: dict[str, float]

    @property
    def name(self) -> str:
        """Name in tables, with the mark."""
        return f"{self.model} {MARK}"

    @property
    def note(self) -> str:
        """What must be said beside the table."""
        return f"{self.name}: as published in {self.source}; not measured here."


def read_published(entries: Iterable[Mapping[str, Any]] | None) -> list[Published]:
    """Read ``bench.published``.

    Args:
        entries: dicts of ``model``, ``source``, ``metrics`` and perhaps ``dataset``. Accuracies and
            F1 may be per cent, as papers print them: above 1 they can be nothing else.
    """
    return [
        Published(
            entry["model"],
            entry.get("source", "a publication"),
            entry.get("dataset") or "",
            {name: _fraction(name, float(value)) for name, value in entry["metrics"].items()},
        )
        for entry in entries or ()
    ]


def published_on(dataset: str, published: Sequence[Published]) -> list[Published]:
    """Those that belong beside the rows of ``dataset``, which is empty where a bench has one."""
    return [each for each in published if dataset in ("", each.dataset) or not each.dataset]


def _fraction(name: str, value: float) -> float:
    percent = name in METRICS and METRICS[name].percent
    return value / 100 if percent and value > 1 else value
