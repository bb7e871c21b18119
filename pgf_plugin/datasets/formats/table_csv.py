"""CSV files as columns, with the line at fault in each error."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.formats.table_files import (
    Column,
    check_repeated,
    encoding_of,
    float32,
    is_missing,
    is_number_or_missing,
    lines_of,
    parse_number,
)
from pgf_plugin.errors import DataError

_WITHOUT_QUOTES = (
    "If quotation marks are part of the texts, set quotes=False (--option quotes=False)"
)
SEPARATORS = ",;\t|"
"""What may stand between the cells, where nothing tells it."""
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(.)"?\s*', re.IGNORECASE)
"""What Excel takes the separator from, before the header."""
_MAX_CELL = 1 << 27


class CsvOptions(NamedTuple):
    """How a CSV file is written.

    Attributes:
        encoding: None for UTF-8, or what its byte order mark says.
        separator: None for the one that a line ``sep=;`` tells, or that the header has most of.
        quotes: whether cells may stand in quotation marks.
    """

    encoding: str | None = None
    separator: str | None = None
    quotes: bool = True


class CsvFile:
    """A CSV file.

    Args:
        path: the file.
        options: how it is written.

    Raises:
        DataError: if the file is malformed.
    """

    def __init__(self, path: Path, options: CsvOptions) -> None:
        self.path = path
        encoding, separator, self.quotes = options
        self.encoding = encoding or encoding_of(path)
        self.separator = separator or self._told_separator()
        header = next(self._rows(), (0, []))[1]
        self.names = [name.strip("\ufeff \t") for name in header]
        check_repeated(path, self.names)
        self._order = {name: position for position, name in enumerate(self.names)}
        self._end = max((position + 1 for name, position in self._order.items() if name), default=0)

    def read(self, columns: Sequence[str], numbers: Sequence[str]) -> Mapping[str, Column]:
        texts = [name for name in columns if name not in numbers]
        text_cells: list[list[str]] = [[] for _ in texts]
        number_rows = []
        for line, row in self._utterances():
            for cells, name in zip(text_cells, texts, strict=True):
                cells.append(row[self._order[name]])
            if numbers:
                number_rows.append(self._numbers(line, row, numbers))
        matrix = np.array(number_rows, np.float32).reshape(len(number_rows), len(numbers))
        return {
            **dict(zip(texts, text_cells, strict=True)),
            **{name: matrix[:, position] for position, name in enumerate(numbers)},
        }

    def first_values(self, columns: Sequence[str]) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for _, row in self._utterances() if columns else ():
            for name in columns:
                if name not in found and not is_missing(cell := row[self._order[name]]):
                    found[name] = cell
            if len(found) == len(columns):
                break
        return found

    def _told_separator(self) -> str:
        """The one that a line before the header tells, or that the header has most of."""
        lines = lines_of(self.path, self.encoding)
        first = next((line for line in lines if not _is_blank(line)), "")
        told = _SEPARATOR_LINE.fullmatch(first)
        return told[1] if told else max(SEPARATORS, key=first.count)

    def _utterances(self) -> Iterator[tuple[int, list[str]]]:
        """The rows below the header, each with its line."""
        rows = self._rows()
        next(rows, None)
        for line, row in rows:
            if len(row) != len(self.names):
                raise DataError(
                    f"{self.path}, line {line}: {len(row)} fields, but the header has "
                    f"{len(self.names)} (separator {self.separator!r}): a text that contains the "
                    "separator must be in quotes, a number must have a decimal point"
                )
            if any(cell.strip() for cell in row[self._end :]):
                raise DataError(
                    f"{self.path}, line {line}: {row[self._end :]} stands in columns that the "
                    "header has no names for: a text that contains the separator must be in quotes"
                )
            yield line, row

    def _numbers(
        self, line: int, row: Sequence[str], numbers: Sequence[str]
    ) -> NDArray[np.float32]:
        cells = [row[self._order[name]] for name in numbers]
        if not any("_" in cell for cell in cells):
            try:
                return float32([float(cell) for cell in cells])
            except ValueError:
                pass  # one is missing, or is none: see which
        values = []
        for name, cell in zip(numbers, cells, strict=True):
            try:
                values.append(parse_number(cell))
            except ValueError as error:
                raise DataError(f"{self.path}, line {line}: {name} {error}") from None
        return float32(values)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        limit = csv.field_size_limit(_MAX_CELL)  # the list of a sequence may be long
        try:
            quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE
            reader = csv.reader(
                self._lines(),
                delimiter=self.separator,
                strict=True,
                quoting=quoting,
            )
            before = 0
            for row in reader:
                if reader.line_num - before > 1 and self._are_several(row):
                    raise DataError(
                        f"{self.path}, line {reader.line_num}: a cell in quotation marks goes over "
                        f"lines from line {before + 1} on, which are rows of their own. "
                        f"{_WITHOUT_QUOTES}, or write each of them twice in a cell that stands in "
                        "quotation marks"
                    )
                before = reader.line_num
                if any(map(str.strip, row)):  # spreadsheets write rows of nothing below the last
                    yield reader.line_num, row
        except csv.Error as error:
            advice = (
                f". {_WITHOUT_QUOTES}" if self.quotes and "expected after" in str(error) else ""
            )
            raise DataError(f"{self.path}, line {reader.line_num}: {error}{advice}") from error
        finally:
            csv.field_size_limit(limit)

    def _lines(self) -> Iterator[str]:
        """The lines, with empty ones for those before the header."""
        lines = lines_of(self.path, self.encoding)
        for line in lines:
            before = _is_blank(line) or _SEPARATOR_LINE.fullmatch(line)
            yield "\n" if before else line
            if not before:
                break
        yield from lines

    def _are_several(self, row: Sequence[str]) -> bool:
        """Whether a row that goes over lines is several, which stray quotation marks joined.

        As rows they have as many fields each, and a column, that of the labels, has numbers in all
        of them. No text has a tab.
        """
        if self.separator == "\t" and any("\t" in cell and "\n" in cell for cell in row):
            return True
        rows = [line.split(self.separator) for line in self.separator.join(row).splitlines()]
        if any(len(each) != len(row) for each in rows):
            return False
        return any(all(map(is_number_or_missing, column)) for column in zip(*rows, strict=True))


def _is_blank(line: str) -> bool:
    return not line.strip(f"{SEPARATORS} \r\n\ufeff")
