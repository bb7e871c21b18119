"""Tables in which nothing is wrong, and what to plant in them."""

from dataclasses import replace
from typing import Any

import numpy as np

from pgf_plugin.datasets.features import FeatureTable, RaggedArray

SIZES = {"train": 60, "val": 24, "test": 30}
WIDTHS = {"audio": 5, "vision": 9}
CLIPS = 6
"""Utterances of one video."""

SPLIT = np.repeat(list(SIZES), list(SIZES.values()))
TOTAL = sum(SIZES.values())
TRAIN, VAL, TEST = (np.flatnonzero(name == SPLIT) for name in SIZES)


def sound_table(seed: int = 0, **changes: Any) -> FeatureTable:
    """An utterance each row, ids as MMSA writes them, random features; ``changes`` to fields."""
    rng = np.random.default_rng(seed)
    table = FeatureTable(
        source="synthetic",
        ids=[f"v{row // CLIPS:02d}$_${row % CLIPS}" for row in range(TOTAL)],
        texts=[f"this is sentence number {row}" for row in range(TOTAL)],
        labels=rng.uniform(-3, 3, (TOTAL, 1)).astype(np.float32),
        sequences={name: random_sequences(rng, width) for name, width in WIDTHS.items()},
        splits={"split": SPLIT},
    )
    return replace(table, **changes)


def random_sequences(rng: np.random.Generator, width: int, longest: int = 12) -> RaggedArray:
    """Sequences of 2 to ``longest`` steps."""
    lengths = rng.integers(2, longest + 1, TOTAL)
    return RaggedArray.from_lengths(
        rng.normal(size=(lengths.sum(), width)).astype(np.float32), lengths
    )


def with_values(table: FeatureTable, name: str, **rows: Any) -> FeatureTable:
    """Set all steps of one row of modality ``name``, as in ``row_3=0.0``."""
    sequences = table.sequences[name]
    values = np.array(sequences.values)
    for key, value in rows.items():
        row = int(key.removeprefix("row_"))
        values[sequences.offsets[row] : sequences.offsets[row + 1]] = value
    return with_sequences(table, name, RaggedArray(values, sequences.offsets))


def with_sequences(table: FeatureTable, name: str, sequences: Any) -> FeatureTable:
    """Replace the sequences of one modality."""
    return replace(table, sequences={**table.sequences, name: sequences})


def padded_as_steps(values: np.ndarray) -> RaggedArray:
    """Sequences of (N, T, D), every step of which is taken as real."""
    count, steps, width = values.shape
    return RaggedArray.from_lengths(values.reshape(-1, width), np.full(count, steps))
