"""How much the footer of a Parquet file says that the file holds.

pyarrow tells it too, but its accessor ends the whole process where the statistics of a column are
malformed, and it has to be known before anything is unpacked. The footer is a struct of Thrift's
compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md);
the numbers of its fields are those of Parquet's ``parquet.thrift``.
"""

from pathlib import Path
from typing import Any, NamedTuple

_MAGIC = b"PAR1"
_MAX_DEPTH = 16
_TRUE, _FALSE, _BYTE, _INTEGERS, _DOUBLE, _BINARY = 1, 2, 3, (4, 5, 6), 7, 8
_LISTS, _MAP, _STRUCT = (9, 10), 11, 12

# FileMetaData, RowGroup, ColumnChunk, ColumnMetaData
_NUM_ROWS, _ROW_GROUPS, _COLUMNS, _META_DATA, _NUM_VALUES, _UNCOMPRESSED = 3, 4, 1, 3, 5, 6


class Contents(NamedTuple):
    """What a Parquet file holds.

    Attributes:
        rows: number of rows.
        values: number of values of all columns, each of a list counted.
        bytes: size of the pages once unpacked, still encoded.
    """

    rows: int
    values: int
    bytes: int


def read_contents(path: Path) -> Contents:
    """Read the footer of ``path``.

    Raises:
        ValueError: if it is malformed.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        tail = file.read()
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or length > size - 8:
            raise ValueError("it has no footer")
        file.seek(size - 8 - length)
        footer = _Compact(file.read(length)).struct()
    columns = [
        column[_META_DATA]
        for group in _field(footer, _ROW_GROUPS, list)
        for column in _field(group, _COLUMNS, list)
        if isinstance(column, dict) and isinstance(column.get(_META_DATA), dict)
    ]
    return Contents(
        _field(footer, _NUM_ROWS, int),
        sum(_field(column, _NUM_VALUES, int) for column in columns),
        sum(_field(column, _UNCOMPRESSED, int) for column in columns),
    )


def _field(struct: Any, number: int, kind: type) -> Any:
    value = struct.get(number) if isinstance(struct, dict) else None
    if type(value) is not kind:
        raise ValueError(f"its footer has no field {number}")
    return value


class _Compact:
    """Reads one struct; each value takes at least a byte, so that the footer bounds them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Fields by number."""
        fields: dict[int, Any] = {}
        number = 0
        while header := self._byte():
            delta, kind = header >> 4, header & 15
            number = number + delta if delta else self._integer()
            # The type of a boolean field is its value.
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth >= _MAX_DEPTH:
            raise ValueError("its footer is nested without end")
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._take(self._unsigned())
        if kind in _LISTS:
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _MAP:
            return self._map(depth)
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind == _DOUBLE:
            return self._take(8)
        raise ValueError(f"its footer has a value of type {kind}")

    def _list(self, depth: int) -> list[Any]:
        header = self._byte()
        count, kind = header >> 4, header & 15
        if count == 15:
            count = self._unsigned()
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _map(self, depth: int) -> list[Any]:
        count = self._unsigned()
        kinds = self._byte() if count else 0
        return [
            (self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1))
            for _ in range(count)
        ]

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        self.position += count
        if self.position > len(self.data):
            raise ValueError("its footer is truncated")
        return self.data[self.position - count : self.position]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("its footer has an integer beyond 64 bits")

    def _integer(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
