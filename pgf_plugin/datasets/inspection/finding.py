"""One problem of a data file, and what the data are expected to be."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pgf_plugin.datasets.checks import SPLITS

Severity = Literal["error", "warning"]

FIRST = 3
"""So many ids are named of those that have a problem."""


@dataclass(frozen=True)
class Finding:
    """One problem.

    Attributes:
        severity: ``'error'`` for what training refuses or must not be trusted with, ``'warning'``
            for what a person should look at.
        what: the problem.
        where: split and part of the data, such as ``'audio, train'``.
        count: how many utterances, features, … have it.
        first: the first of them.
        advice: what to do.
    """

    severity: Severity
    what: str
    where: str
    count: int
    first: list[str]
    advice: str

    def to_json(self) -> dict[str, Any]:
        """Return the problem as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Expectations:
    """What the data should be.

    Attributes:
        splits: canonical names of the splits that must be there.
        feature_dims: modality to features a step.
        label_range: smallest and largest label; None for that of a published data set, or else the
            one that its labels suggest, beyond which they are only warned of.
        min_samples: smaller splits are told.
    """

    splits: tuple[str, ...] = SPLITS
    feature_dims: Mapping[str, int] = field(default_factory=dict)
    label_range: tuple[float, float] | None = None
    min_samples: int = 20


def first_of(names: Iterable[Any]) -> list[str]:
    """The first few of ``names``, as text."""
    return [str(name) for name, _ in zip(names, range(FIRST), strict=False)]


def numbered(count: int, noun: str) -> str:
    """``'1 step'``, ``'1,200 steps'``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
