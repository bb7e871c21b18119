"""CSV and JSON files as columns, with the row at fault in each error."""

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
MISSING = ("", "na", "n/a", "nan", "null", "none")
"""How files write a number that is not there, in any case."""

_WITHOUT_QUOTES = (
    "If quotation marks are part of the texts, set quotes=False (--option quotes=False)"
)
_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(.)"?\s*', re.IGNORECASE)
"""What Excel takes the separator from, before the header."""
_MAX_CELL = 1 << 27
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

Column = Any
"""One value a row: a list of Python values, an array of numbers, or sequences of features."""


class TableFile(Protocol):
    """A file of rows and columns.

    Attributes:
        names: the columns.
    """

    names: list[str]

    def read(self, columns: Sequence[str], numbers: Sequence[str]) -> Mapping[str, Column]:
        """Read ``columns``; those that are also in ``numbers`` come as float32, NaN for none."""

    def first_values(self, columns: Sequence[str]) -> Mapping[str, Any]:
        """The first cell of each of ``columns`` that is filled, as far as there is one nearby."""


def is_missing(value: Any) -> bool:
    """Whether a cell says that nothing is there."""
    return value is None or (isinstance(value, str) and value.strip().lower() in MISSING)


def check_repeated(path: Path, names: Sequence[str]) -> None:
    """Raise DataError if two columns have one name; there may be several without any."""
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise DataError(f"{path}: the columns {repeated} occur more than once")


def parse_number(text: Any) -> float:
    """The number that ``text`` is, NaN if it is missing.

    Raises:
        ValueError: if it is none.
    """
    if is_missing(text):
        return math.nan
    if isinstance(text, str) and "_" in text:  # Python would read 1_000
        raise ValueError(f"{text!r} is no number")
    try:
        return float(text)
    except (TypeError, ValueError, OverflowError):
        comma = (
            isinstance(text, str)
            and text.count(",") == 1
            and text.replace(",", "").strip("-+ ").isdigit()
        )
        hint = ": it has a decimal comma, write a decimal point" if comma else ""
        raise ValueError(f"{text!r} is no number{hint}") from None


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
        self.encoding = encoding or _encoding_of(path)
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
        lines = _lines_of(self.path, self.encoding)
        first = next((line for line in lines if not _is_blank(line)), "")
        told = _SEPARATOR_LINE.fullmatch(first)
        return told[1] if told else max(_SEPARATORS, key=first.count)

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
                return _float32([float(cell) for cell in cells])
            except ValueError:
                pass  # one is missing, or is none: see which
        values = []
        for name, cell in zip(numbers, cells, strict=True):
            try:
                values.append(parse_number(cell))
            except ValueError as error:
                raise DataError(f"{self.path}, line {line}: {name} {error}") from None
        return _float32(values)

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
        lines = _lines_of(self.path, self.encoding)
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
        return any(all(map(is_number, column)) for column in zip(*rows, strict=True))


class JsonFile:
    """A file with a JSON object a line, or with one list of objects.

    Args:
        path: the file.
        encoding: None for UTF-8, or what its byte order mark says.

    Raises:
        DataError: if the file is malformed.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self.encoding = encoding or _encoding_of(path)
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
            lines = _lines_of(self.path, self.encoding)
            if self._is_one_value():
                content = json.loads("".join(lines))
                if isinstance(content, dict) and any(map(_holds_rows, content.values())):
                    raise DataError(
                        f"{self.path}: found an object with the keys {list(content)[:5]}, each "
                        "of several rows, expected a list of objects, one an utterance: of "
                        "pandas, df.to_json(path, orient='records')"
                    )
                yield from enumerate(content if isinstance(content, list) else [content], 1)
                return
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, self._parse(number, line)
        except DataError:
            raise
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.path} is no JSON ({error})") from error

    def _is_one_value(self) -> bool:
        """Whether the file is one list or object, and not an object a line."""
        lines = (line for line in _lines_of(self.path, self.encoding) if line.strip())
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


def parse_column(path: Path, name: str, cells: Sequence[Any]) -> NDArray[np.float32]:
    """The numbers of the column ``name``, NaN for what is missing.

    Raises:
        DataError: naming the first row that holds none.
    """
    values = []
    for number, cell in enumerate(cells, 1):
        try:
            values.append(parse_number(cell))
        except ValueError as error:
            raise DataError(f"{path}, row {number}: {name} {error}") from None
    return _float32(values)


def is_number(cell: Any) -> bool:
    """Whether a cell holds a number, or says that there is none."""
    try:
        parse_number(cell)
    except ValueError:
        return False
    return True


def _is_blank(line: str) -> bool:
    return not line.strip(f"{_SEPARATORS} \r\n\ufeff")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")


def _lines_of(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a text file, with their ends.

    Raises:
        DataError: if it is not encoded so, or there is no such encoding.
    """
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield from file
    except UnicodeError as error:
        raise DataError(
            f"{path} is not encoded as {encoding} ({error}): set encoding to what it is, such as "
            "encoding='gb18030' or 'latin-1'"
        ) from error
    except LookupError:
        raise DataError(f"encoding {encoding!r} is not known to Python") from None


def _holds_rows(value: Any) -> bool:
    """Whether a value of an object holds many utterances: columns by row, or rows."""
    rows = list(value.values()) if isinstance(value, dict) else value
    listed = isinstance(rows, list) and len(rows) > 0
    return listed and (isinstance(value, dict) or isinstance(rows[0], dict))


def _packed(value: Any) -> Any:
    """Lists of numbers as arrays, which take an eighth of the memory."""
    if isinstance(value, list) and value and isinstance(value[0], int | float | list):
        try:
            return np.asarray(value, np.float32)
        except (ValueError, TypeError, OverflowError):
            return value
    return value


def _float32(values: list[float]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what is beyond float32 is reported as infinite
        return np.array(values, np.float32)
