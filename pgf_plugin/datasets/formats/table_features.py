"""Features in the columns of a table: lists, numbered columns, or paths of ``.npy`` files."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import RaggedArray, Sequences
from pgf_plugin.datasets.formats.npy import NpyFiles
from pgf_plugin.datasets.formats.table_files import Column, is_missing, is_number_or_missing
from pgf_plugin.datasets.sequences import ArrayList, LazySequences
from pgf_plugin.errors import DataError, shown

_PATH_SUFFIXES = ("_path", "_file", "_npy")


class FeatureColumns(NamedTuple):
    """Where the features of one modality are.

    Attributes:
        column: a column of lists or paths, or empty.
        numbered: or one column a feature, in order.
    """

    column: str
    numbered: list[str]

    @property
    def names(self) -> list[str]:
        """All columns that are to be read."""
        return self.numbered or [self.column]

    def __str__(self) -> str:
        return self.column or " … ".join(dict.fromkeys((self.numbered[0], self.numbered[-1])))


def find_features(
    names: Sequence[str], bases: Sequence[str], taken: Collection[str]
) -> FeatureColumns | None:
    """The columns of features whose name is one of ``bases``, its path, or its numbers.

    Args:
        names: the columns of the table.
        bases: names that the features may have, such as ``'audio'``.
        taken: columns that are none of features, as the transcripts; nor are those that are
            numbered alike, as ``text2`` where these are ``text1``.

    Raises:
        DataError: if one of the numbered columns is missing.
    """
    for base in bases:
        whole = (base, *(base + end for end in _PATH_SUFFIXES))
        for name in names:
            if name not in taken and name.lower() in whole:
                return FeatureColumns(name, [])
        pattern = re.compile(re.escape(base) + r"_?(\d{1,6})", re.IGNORECASE)
        numbers = {int(m[1]): name for name in names if (m := pattern.fullmatch(name))}
        if numbers and not any(name in taken for name in numbers.values()):
            first, last = min(numbers), max(numbers)
            missing = sorted(set(range(first, last + 1)) - set(numbers))
            if missing or first > 1:
                raise DataError(
                    f"the columns {numbers[first]!r} … {numbers[last]!r} lack "
                    f"{missing[:5] or list(range(first))[:5]}"
                )
            return FeatureColumns("", [numbers[number] for number in sorted(numbers)])
    return None


def may_hold_features(where: FeatureColumns, first: Mapping[str, Any]) -> bool:
    """Whether the ``first`` cells of the columns may be features, and not objects or recordings.

    What is no number but has no letters either, as one with a decimal comma, is meant as one.
    """
    values = [first.get(name) for name in where.names]
    if where.numbered:
        return any(
            is_number_or_missing(value)
            or (isinstance(value, str) and not any(map(str.isalpha, value)))
            for value in values
        )
    return not any(
        isinstance(value[0], str | dict)
        if isinstance(value, list) and value
        else isinstance(value, dict | bytes)
        for value in values
    )


def find_misfit(where: FeatureColumns, columns: Mapping[str, Column]) -> str:
    """The first text that shows that the columns hold, say, paths of recordings; empty for none.

    Texts are features if all are lists, or one is the path of a ``.npy`` file.
    """
    if where.numbered or not isinstance(columns[where.column], list):
        return ""
    texts = [
        (row, value.strip())
        for row, value in enumerate(columns[where.column], 1)
        if isinstance(value, str) and not is_missing(value)
    ]
    if any(text.endswith(".npy") for _, text in texts):
        return ""
    others = (f"{shown(text, 40)} in row {row}" for row, text in texts if not text.startswith("["))
    return next(others, "")


def features_of(
    where: FeatureColumns, columns: Mapping[str, Column], folder: Path, *, anywhere: bool
) -> Sequences:
    """The sequences in the columns ``where``.

    Args:
        where: the columns.
        columns: the table.
        folder: what paths are relative to, and must lie in.
        anywhere: whether paths may also lead out of ``folder``.

    Raises:
        DataError: naming the first row whose features cannot be read.
    """
    if where.numbered:
        return _numbered(np.stack([columns[name] for name in where.numbered], axis=1))
    values = columns[where.column]
    if isinstance(values, RaggedArray | LazySequences):
        return values
    try:
        if any(isinstance(value, str) and _is_path(value) for value in values):
            return NpyFiles([_path_of(value, folder, anywhere) for value in values])
    except DataError as error:
        raise DataError(f"{where.column}: {error}") from None
    return _lists(where.column, values)


def _numbered(values: NDArray[np.float32]) -> RaggedArray:
    """One step an utterance, none where every feature is missing."""
    there = np.flatnonzero(~np.isnan(values).all(axis=1))
    lengths = np.zeros(len(values), np.int64)
    lengths[there] = 1
    return RaggedArray.from_lengths(values[there], lengths)


def _is_path(text: str) -> bool:
    return not is_missing(text) and not text.lstrip().startswith("[")


def _path_of(value: Any, folder: Path, anywhere: bool) -> Path | None:
    if is_missing(value):
        return None
    if not isinstance(value, str) or "\0" in value:
        raise DataError(f"{value!r} is no path of a .npy file")
    path = folder / value.strip()
    if not anywhere and not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"the path {value!r} leads out of {folder}: move the files there, or set "
            "paths_anywhere=True if you trust the table"
        )
    return path


def _lists(name: str, values: Sequence[Any]) -> ArrayList:
    arrays = [_array(f"row {row}: {name}", value) for row, value in enumerate(values, 1)]
    widths = sorted({array.shape[1] for array in arrays if len(array)})
    if len(widths) > 1:
        raise DataError(f"{name} has rows of different numbers of features a step: {widths[:5]}")
    width = next(iter(widths), 0)
    return ArrayList([a if len(a) else a.reshape(0, width) for a in arrays], width)


def _array(where: str, value: Any) -> NDArray[np.float32]:
    """One sequence (T, D) of a list of lists, a list, its text as JSON, or nothing."""
    if is_missing(value):
        value = None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            printed = "," not in value and value.lstrip().startswith("[")
            hint = ": it is an array as numpy prints it, write array.tolist()" if printed else ""
            raise DataError(f"{where} is no list ({error}){hint}") from error
    try:
        array = np.asarray([] if value is None else value, np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"{where} must be a list of numbers, or one list a step of one length ({error})"
        ) from error
    if not array.size:  # such as [[]]
        return np.zeros((0, 0), np.float32)
    if array.ndim not in (1, 2):
        raise DataError(f"{where} must be a list of numbers, or of such lists, got {array.shape}")
    return np.atleast_2d(array)
