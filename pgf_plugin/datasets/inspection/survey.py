"""All that inspection and validation look at, gathered in one pass over a table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.inspection.splits import Splits, choose_column, read_splits
from pgf_plugin.datasets.inspection.steps import StepSurvey, survey_steps
from pgf_plugin.datasets.inspection.videos import Videos, find_videos
from pgf_plugin.errors import DataError
from pgf_plugin.structures import MODALITIES

ZERO_PADDED = ("audio", "vision")
"""Modalities whose padding is zero; BERT has features of that of texts."""


@dataclass(frozen=True)
class Survey:
    """A table and what one pass over it told.

    Attributes:
        table: what is consistent of it.
        splits: how the chosen column divides it.
        modalities: modality to its steps, in the usual order.
        videos: video of each utterance, where the ids tell.
        broken: part of the table to why it is left out, such as ``'audio'`` to ``'holds 3 …'``.
    """

    table: FeatureTable
    splits: Splits
    modalities: dict[str, StepSurvey]
    videos: Videos | None
    broken: dict[str, str]


def survey_table(table: FeatureTable, split_column: str | None = None) -> Survey:
    """Read every step of ``table`` once, a block at a time.

    Parts that do not fit the others are left out and named in ``broken``.

    Args:
        table: of any format, or a store.
        split_column: which split column counts; None for the most complete.

    Raises:
        ValueError: if the data have no such column.
    """
    table, broken = _consistent(table)
    splits = read_splits(table, choose_column(table, split_column))
    modalities = {}
    for name in [each for each in MODALITIES if each in table.sequences]:
        try:
            modalities[name] = survey_steps(
                table.sequences[name],
                splits.codes,
                len(splits.names),
                zero_padded=name in ZERO_PADDED,
            )
        except DataError as error:
            broken[name] = str(error)
    return Survey(table, splits, modalities, find_videos(table.ids), broken)


def _consistent(table: FeatureTable) -> tuple[FeatureTable, dict[str, str]]:
    """Leave out what has another number of rows than the ids, or negative lengths."""
    count = len(table)
    broken = {
        name: f"{_numbered(rows, 'row')}, but there are {_numbered(count, 'id')}"
        for name, rows in _row_counts(table).items()
        if rows != count
    }
    for name, sequences in table.sequences.items():
        if name not in broken and (sequences.lengths < 0).any():
            broken[name] = f"{_numbered(int((sequences.lengths < 0).sum()), 'negative length')}"
    sound = replace(
        table,
        texts=[""] * count if "texts" in broken else table.texts,
        labels=np.full((count, 1), np.nan, np.float32) if "label" in broken else table.labels,
        sequences=_without(table.sequences, broken),
        splits=_without(table.splits, broken, "split column "),
        extra_labels=_without(table.extra_labels, broken, "label "),
    )
    return sound, broken


def _row_counts(table: FeatureTable) -> dict[str, int]:
    return {
        "texts": len(table.texts),
        "label": len(table.labels),
        **{name: len(sequences) for name, sequences in table.sequences.items()},
        **{f"split column {name}": len(column) for name, column in table.splits.items()},
        **{f"label {name}": len(labels) for name, labels in table.extra_labels.items()},
    }


def _without(parts: Mapping, broken: Mapping[str, str], prefix: str = "") -> dict:
    return {name: part for name, part in parts.items() if f"{prefix}{name}" not in broken}


def _numbered(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
