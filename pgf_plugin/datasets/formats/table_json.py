"""JSON files as columns, with the row at fault in each error."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.formats.table_files import (
    Column,
    encoding_of,
    is_missing,
    lines_of,
    parse_column,
)
from pgf_plugin.errors import DataError


class JsonFile:
    """A file with a JSON object a line, or with one list of objects, or with one object of columns.

    Args:
        path: the file.
        encoding: None for UTF-8, or what its byte order mark says.

    Raises:
        DataError: if the file is malformed.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self.encoding = encoding or encoding_of(path)
        self._rows = list(self._objects())
        self.names = list(dict.fromkeys(name for row in self._rows for name in row))

    def read(self, columns: Sequence[str], numbers: Sequence[str]) -> Mapping[str, Column]:
        return {
            name: self._numbers(name) if name in numbers else [row.get(name) for row in self._rows]
            for name in columns
        }

    def first_values(self, columns: Sequence[str]) -> Mapping[str, Any]:
        found = {}
        for name in columns:
            cells = (row.get(name) for row in self._rows)
            found[name] = next((cell for cell in cells if not is_missing(cell)), None)
        return found

    def _numbers(self, name: str) -> NDArray[np.float32]:
        return parse_column(self.path, name, [row.get(name) for row in self._rows])

    def _objects(self) -> Iterator[dict[str, Any]]:
        for number, value in self._values():
            if not isinstance(value, dict):
                raise DataError(
                    f"{self.path}, row {number}: found a {type(value).__name__}, expected an "
                    'object such as {"id": "a", "text": "…", "label": 1.5, "split": "train"}'
                )
            yield {name: _packed(item) for name, item in value.items()}

    def _values(self) -> Iterator[tuple[int, Any]]:
        try:
            lines = lines_of(self.path, self.encoding)
            if self._is_one_value():
                content = json.loads("".join(lines))
                if isinstance(content, dict) and any(map(_holds_rows, content.values())):
                    raise DataError(
                        f"{self.path}: found an object with the keys {list(content)[:5]}, each "
                        "of several rows, expected a list of objects, one an utterance: of "
                        "pandas, df.to_json(path, orient='records')"
                    )
                yield from enumerate(self._rows_of(content), 1)
                return
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, self._parse(number, line)
        except DataError:
            raise
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.path} is no JSON ({error})") from error

    def _rows_of(self, content: Any) -> Iterable[Any]:
        """The utterances of a whole file: a list of them, one, or a list a column."""
        if not isinstance(content, dict):
            return content if isinstance(content, list) else [content]
        if not content or not all(isinstance(cells, list) for cells in content.values()):
            return [content]
        counts = {name: len(cells) for name, cells in content.items()}
        if len(set(counts.values())) > 1:
            raise DataError(
                f"{self.path}: found lists of different lengths, {counts}, expected a list of "
                "objects, one an utterance, or columns of one length"
            )
        return (dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True))

    def _is_one_value(self) -> bool:
        """Whether the file is one list or object, and not an object a line."""
        lines = (line for line in lines_of(self.path, self.encoding) if line.strip())
        first = next(lines, "")
        if first.lstrip().startswith("["):
            return True
        return self.path.suffix.lower() == ".json" and (
            next(lines, None) is None or not _is_json(first)
        )

    def _parse(self, number: int, line: str) -> Any:
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.path}, line {number}: no JSON ({error})") from error


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _holds_rows(value: Any) -> bool:
    """Whether a value of an object holds many utterances: columns by row, or rows."""
    rows = list(value.values()) if isinstance(value, dict) else value
    listed = isinstance(rows, list) and len(rows) > 0
    return listed and (isinstance(value, dict) or isinstance(rows[0], dict))


def _packed(value: Any) -> Any:
    """Lists of numbers as arrays, which take an eighth of the memory.

    They are rounded to float32, as features and labels are: nothing else may be a list of numbers.
    """
    if isinstance(value, list) and value and isinstance(value[0], int | float | list):
        try:
            return np.asarray(value, np.float32)
        except (ValueError, TypeError, OverflowError):
            return value
    return value
