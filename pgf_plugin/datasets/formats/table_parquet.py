"""Parquet files as columns; lists of numbers come as sequences, without a loop over the rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pgf_plugin.datasets.features import RaggedArray
from pgf_plugin.datasets.formats.npy import check_expansion
from pgf_plugin.datasets.formats.parquet_footer import read_contents
from pgf_plugin.datasets.formats.table_files import (
    Column,
    check_repeated,
    is_missing,
    parse_column,
)
from pgf_plugin.datasets.sequences import offsets_of
from pgf_plugin.errors import DataError

_FIRST_ROWS = 64
_MALFORMED = (pa.ArrowException, OSError, ValueError)


class ParquetFile:
    """A Parquet file.

    Args:
        path: the file.

    Raises:
        DataError: if it is malformed, or claims to hold far more than its size.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            contents = read_contents(path)
            check_expansion(8 * max(contents.values, contents.rows), path.stat().st_size)
            check_expansion(contents.bytes, path.stat().st_size)
            with pq.ParquetFile(path) as file:
                self.names = list(file.schema_arrow.names)
                leaves = [file.schema.column(number) for number in range(len(file.schema))]
                self._texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        except _MALFORMED as error:
            raise self._unreadable(error) from error
        check_repeated(path, self.names)

    def read(self, columns: Sequence[str], numbers: Sequence[str]) -> Mapping[str, Column]:
        """Read ``columns``; those in ``numbers`` as float32, lists as sequences."""
        try:
            # As dictionaries, texts take what they take in the file: the same one a million times
            # is one, until its sum is checked.
            with pq.ParquetFile(self.path, read_dictionary=self._texts) as file:
                table = file.read(columns=list(columns))
            return {
                name: self._numbers(name, table[name])
                if name in numbers
                else self._values(name, table[name])
                for name in columns
            }
        except DataError:
            raise
        except _MALFORMED as error:
            raise self._unreadable(error) from error

    def first_values(self, columns: Sequence[str]) -> Mapping[str, Any]:
        """The first cell of each of ``columns`` that is filled, among the first rows."""
        if not columns:
            return {}
        try:
            with pq.ParquetFile(self.path, read_dictionary=self._texts) as file:
                batch = next(file.iter_batches(_FIRST_ROWS, columns=list(columns)), None)
            return {} if batch is None else {name: _first_filled(batch[name]) for name in columns}
        except _MALFORMED as error:
            raise self._unreadable(error) from error

    def _numbers(self, name: str, column: pa.ChunkedArray) -> NDArray[np.float32]:
        if _is_number(column.type):
            return column.cast(pa.float32(), safe=False).to_numpy()
        return parse_column(self.path, name, self._cells(_joined(column)))

    def _values(self, name: str, column: pa.ChunkedArray) -> Column:
        array = _joined(column)
        if _is_list(array.type) and _text_of(_flat(array)) is None:
            return self._sequences(name, array)
        return self._cells(array)

    def _cells(self, column: pa.Array) -> list[Any]:
        """The values as Python has them, once it is known that their texts are not too many."""
        texts = _text_of(_flat(column))
        if texts is not None:
            lengths = pc.take(pc.binary_length(texts.dictionary), texts.indices)
            try:
                check_expansion(pc.sum(lengths).as_py() or 0, self.path.stat().st_size)
            except DataError as error:
                raise DataError(f"{self.path}: {error}") from None
        return column.to_pylist()

    def _sequences(self, name: str, column: pa.Array) -> RaggedArray:
        """Lists of numbers, one step each, or lists of such lists, one step an inner list."""
        steps, features = _lengths(column), column.flatten()
        if _is_list(features.type):
            widths, features = _lengths(features), features.flatten()
            steps, widths = _without_empty(steps, widths)
        else:
            widths, steps = steps[steps > 0], np.minimum(steps, 1)
        if not _is_number(features.type):
            raise DataError(f"{self.path}: {name} must hold lists of numbers, got {column.type}")
        found = np.unique(widths).tolist()
        if len(found) > 1:
            raise DataError(
                f"{self.path}: {name} has rows of different numbers of features a step: {found[:5]}"
            )
        values = features.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
        return RaggedArray(values.reshape(len(widths), *(found or [0])), offsets_of(steps))

    def _unreadable(self, error: Exception) -> DataError:
        return DataError(
            f"{self.path} cannot be read as Parquet ({error}): it is truncated, or no Parquet file"
        )


def _joined(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):  # of no chunk, or of dictionaries that differ
        return pa.concat_arrays(joined.unify_dictionaries().chunks)
    return joined


def _first_filled(column: pa.Array) -> Any:
    cells = (cell.as_py() for cell in column)  # one at a time: each may be long
    return next((cell for cell in cells if not is_missing(cell)), None)


def _flat(column: pa.Array) -> pa.Array:
    """What the lists hold, or what the column holds where it has no lists."""
    while _is_list(column.type):
        column = column.flatten()
    return column


def _text_of(column: pa.Array) -> pa.DictionaryArray | None:
    kind = column.type
    texts = pa.types.is_dictionary(kind) and _is_text(kind.value_type)
    return column if texts else None


def _lengths(column: pa.Array) -> NDArray[np.int64]:
    return pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(int)


def _without_empty(
    steps: NDArray[np.int64], widths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps of each row, and features of each step, less those of rows whose steps have none."""
    rows = np.repeat(np.arange(len(steps)), steps)
    filled = np.bincount(rows[widths > 0], minlength=len(steps)) > 0
    return np.where(filled, steps, 0), widths[filled[rows]]


def _is_list(kind: pa.DataType) -> bool:
    return (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)
