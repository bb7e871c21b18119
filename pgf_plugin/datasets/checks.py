"""Checks of data against what a config promises, each with the row at fault in its message."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pgf_plugin.datasets.features import FeatureTable, IndexArray
from pgf_plugin.datasets.scan import Scan
from pgf_plugin.errors import ConfigError, DataError, check_one_of, check_positive_int, check_range
from pgf_plugin.structures import MODALITIES

NonFinite = Literal["error", "zero"]

LABEL_RANGE = (-3.0, 3.0)
"""Of CMU-MOSI and CMU-MOSEI, where a config does not say otherwise."""

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""The names under which files keep a split, in any case."""

EVERY_SPLIT_NAME = tuple(name for names in SPLIT_NAMES.values() for name in names)

SPLITS = tuple(SPLIT_NAMES)
"""The names that this package gives them. Synthetic data are drawn by their places here."""


def check_modalities(
    modalities: Sequence[str], table: FeatureTable, *, precomputed_text: bool
) -> tuple[str, ...]:
    """Return ``modalities`` in canonical order.

    Raises:
        ValueError: for an unknown modality.
        ConfigError: for none at all, or text features without their source.
        DataError: for a modality that the data lack, listing what they have.
    """
    check_used("modalities", modalities)
    has_texts = any(table.texts)
    available = [*(["text"] if has_texts else []), *(n for n in MODALITIES if n in table.sequences)]
    for name in modalities:
        if name == "text" and precomputed_text and "text" not in table.sequences:
            raise ConfigError(
                f"modalities has 'text', but tokenizer is None and {table.source} gives no "
                "precomputed text features: set tokenizer to the encoder's name, or "
                "text_features=True if the file has them"
            )
        if name not in available:
            raise DataError(
                f"modalities asks for {name!r}, but {table.source} has only "
                f"{list(dict.fromkeys(available))}: take {name!r} out of modalities (and of "
                "model.feature_dims)"
            )
    return tuple(name for name in MODALITIES if name in modalities)


def as_float32(name: str, values: ArrayLike) -> NDArray[np.float32]:
    """Return features as float32, in which everything is computed.

    Raises:
        DataError: naming the first value that float32 cannot hold; infinity and NaN it holds.
    """
    with np.errstate(over="ignore"):
        features = np.asarray(values, np.float32)
    if np.isinf(features).any():
        wide = np.asarray(values, np.longdouble)
        beyond = wide[np.isinf(features) & np.isfinite(wide)]
        if len(beyond):
            raise DataError(
                f"{name} holds {len(beyond)} values beyond {np.finfo(np.float32).max:.2g}, the "
                f"largest number of float32, in which features are computed; the first is "
                f"{beyond[0]:g}: give them in the unit of the data file"
            )
    return features


def check_used(key: str, modalities: Sequence[str]) -> tuple[str, ...]:
    """Return ``modalities``, those that a dataset gives: at least one.

    Raises:
        ValueError: for an unknown modality.
        ConfigError: for none at all, or anything but a list.
    """
    if not check_names(key, modalities):
        raise ConfigError(f"{key} must list at least one of {list(MODALITIES)}, got {modalities!r}")
    return tuple(modalities)


def check_names(key: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return ``names``, a list of modalities.

    Raises:
        ValueError: for an unknown modality.
        ConfigError: for anything but a list.
    """
    if isinstance(names, str) or not isinstance(names, Sequence):
        example = names if names in MODALITIES else "audio"
        raise ConfigError(
            f"{key} must be a list of modalities, such as [{example!r}], got {names!r}"
        )
    for name in names:
        check_one_of(key, name, MODALITIES)
    return tuple(names)


def check_max_steps(max_steps: Mapping[str, int] | None) -> dict[str, int]:
    """Return modality to longest sequence; empty for None.

    Raises:
        ValueError: for an unknown modality, or a length below 1.
        ConfigError: for anything but a dict.
    """
    if not isinstance(max_steps, Mapping | None):
        raise ConfigError(
            f"max_steps must be a dict, such as dict(audio=400), or None, got {max_steps!r}"
        )
    for name, steps in (max_steps or {}).items():
        check_one_of("a key of max_steps", name, MODALITIES)
        check_positive_int(f"max_steps.{name}", steps)
    return dict(max_steps or {})


def check_widths(key: str, widths: Mapping[str, int] | None) -> None:
    """Raise unless ``widths`` is None, or modality to features a step."""
    if not isinstance(widths, Mapping | None):
        raise ConfigError(f"{key} must be a dict, such as dict(audio=5), or None, got {widths!r}")
    for name, width in (widths or {}).items():
        check_one_of(f"a key of {key}", name, MODALITIES)
        check_positive_int(f"{key}.{name}", width)


def check_label_range(table: FeatureTable, label_range: tuple[float, float]) -> tuple[float, float]:
    """Return ``label_range`` as floats if it is a range and every label lies in it.

    Raises:
        ConfigError: unless it is two finite numbers, the lower one first.
        DataError: naming the first utterance without a label, or the first label outside.
    """
    low, high = check_range("label_range", label_range)
    missing = np.isnan(table.labels).any(axis=1)
    if missing.any():
        raise DataError(
            f"{table.source}: {int(missing.sum())} of the {len(table)} utterances of this split "
            f"have no label, first {table.ids[int(missing.argmax())]!r}: add the labels, leave "
            "these utterances out of the file, or use another split"
        )
    # The tolerance is float32's rounding of the bounds.
    outside = (table.labels < low - 1e-6) | (table.labels > high + 1e-6)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise DataError(
            f"{table.source}: {int(outside.any(axis=1).sum())} labels lie outside label_range="
            f"({low:g}, {high:g}), first {table.labels[row, column]:g} of {table.ids[row]!r}: "
            "correct the data, or set label_range to the range of this data set's scale"
        )
    return low, high


def check_feature_dims(table: FeatureTable, feature_dims: Mapping[str, int]) -> None:
    """Raise DataError unless every modality has the width that ``feature_dims`` promises."""
    for name, width in feature_dims.items():
        check_one_of("a key of feature_dims", name, MODALITIES)
        if name in table.sequences and table.sequences[name].width != width:
            got = table.sequences[name].width
            raise DataError(
                f"feature_dims.{name} is {width}, but {table.source} has {got} {name} features a "
                f"step: set feature_dims.{name}={got}, also in the model"
            )


def check_finite(table: FeatureTable, name: str, found: Scan, rows: IndexArray) -> None:
    """Raise DataError if ``found`` in ``rows`` of modality ``name`` are values of NaN or inf."""
    if found.first_nonfinite is not None:
        first = table.ids[rows[found.first_nonfinite]]
        raise DataError(
            f"{table.source}: {name} holds {found.nonfinite} values of NaN or inf, first in "
            f"{first!r}: correct the file, or set nonfinite='zero' to read them as zeros"
        )


def select_labels(table: FeatureTable, label: str | Sequence[str] | None) -> FeatureTable:
    """Put the labels ``label`` in the place of the table's own.

    Args:
        table: with further labels.
        label: name of one, or several that become the columns; ``'label'`` are the table's own.
            None leaves these.

    Raises:
        ConfigError: for an empty list, or anything but names.
        ValueError: for a label that the table lacks, with the nearest name.
    """
    if label is None:
        return table
    names = [label] if isinstance(label, str) else label
    if not isinstance(names, Sequence) or not names:
        raise ConfigError(f"label must be the name of a label, or a list of names, got {label!r}")
    known = {**table.extra_labels, "label": table.labels}
    for name in names:
        check_one_of(f"label for {table.source}", name, sorted(known))
    return replace(table, labels=np.concatenate([known[name] for name in names], axis=1))


def split_column(table: FeatureTable, column: str | None) -> str:
    """Return the name of the split column: the only one, or the one asked for.

    Raises:
        ConfigError: if ``column`` is None and the file has several.
        ValueError: if the file has no such column, with the nearest name.
    """
    columns = sorted(table.splits)
    if column is not None:
        return check_one_of(f"split_column for {table.source}", column, columns)
    if len(columns) != 1:
        raise ConfigError(
            f"{table.source} has the split columns {columns}: set split_column to one of them"
        )
    return columns[0]


def split_rows(table: FeatureTable, column: str, split: str) -> IndexArray:
    """Rows of ``split`` according to ``column``.

    Raises:
        DataError: if there are none, listing the splits and their sizes.
    """
    values = table.splits[column]
    rows = np.flatnonzero(in_split(values, split))
    if not len(rows):
        names, counts = np.unique(values[values != ""], return_counts=True)
        sizes = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
        raise DataError(
            f"{table.source}: split {split!r} is empty ({column}); utterances by split: {sizes}"
        )
    return rows


def in_split(values: NDArray[np.str_], split: str) -> NDArray[np.bool_]:
    """Which of ``values``, (N,), mean ``split``."""
    meant = canonical_split(split)
    same = [value for value in np.unique(values) if canonical_split(str(value)) == meant]
    return np.isin(values, same)


def canonical_split(name: str) -> str:
    """The name that configs use for the split that a file calls ``name``."""
    plain = name.strip().lower()
    return next((key for key, others in SPLIT_NAMES.items() if plain in others), plain)
