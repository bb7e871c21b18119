"""The split of every utterance, under one order and one set of names."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.checks import SPLITS, canonical_split, split_column
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.inspection.published import VersionMatch, match_version

NO_COLUMN = "all"
"""Name of the only split where the data have no split column."""

NO_SPLIT = "(none)"
"""Name of the utterances whose split is empty."""


@dataclass(frozen=True)
class Splits:
    """How one split column divides the utterances.

    Attributes:
        column: its name; None where the data have none.
        names: splits as the file writes them: train, val, test, then others.
        codes: (N,) index into ``names`` of each utterance.
    """

    column: str | None
    names: list[str]
    codes: NDArray[np.int64]

    @property
    def counts(self) -> dict[str, int]:
        """Utterances by split, as the file writes it."""
        found = np.bincount(self.codes, minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, found, strict=True)}

    @property
    def version(self) -> VersionMatch | None:
        """The nearest published version."""
        counts: dict[str, int] = {}
        for name, count in self.counts.items():
            counts[canonical_split(name)] = counts.get(canonical_split(name), 0) + count
        return match_version(counts) if self.column is not None else None

    def rows(self, name: str) -> NDArray[np.int64]:
        """Utterances of split ``name``."""
        return np.flatnonzero(self.codes == self.names.index(name))


def read_splits(table: FeatureTable, column: str | None) -> Splits:
    """Divide the utterances by ``column`` (None: there is none)."""
    if column is None:
        return Splits(None, [NO_COLUMN], np.zeros(len(table), np.int64))
    values = np.where(table.splits[column] == "", NO_SPLIT, table.splits[column].astype(object))
    names = sorted(set(values), key=_order)
    places = {name: place for place, name in enumerate(names)}
    codes = np.array([places[value] for value in values], np.int64)
    return Splits(column, [str(name) for name in names], codes)


def choose_column(table: FeatureTable, column: str | None) -> str | None:
    """Name the split column that counts: the one asked for, or the most complete.

    Of several, it is one with train, val and test, preferably with published counts; the first
    where that leaves several.

    Raises:
        ValueError: if the data have no such column.
    """
    if column is not None:
        return split_column(table, column)
    return max(sorted(table.splits), key=lambda name: _merit(table, name), default=None)


def _merit(table: FeatureTable, column: str) -> tuple[int, bool]:
    splits = read_splits(table, column)
    complete = {canonical_split(name) for name in splits.names} & set(SPLITS)
    version = splits.version
    return len(complete), version is not None and version.exact


def _order(name: str) -> tuple[int, str]:
    known = canonical_split(name)
    return (SPLITS.index(known) if known in SPLITS else len(SPLITS), name)
