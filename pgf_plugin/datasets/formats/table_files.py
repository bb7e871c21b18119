"""Files of rows and columns, and what their cells may hold."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
MISSING = ("", "na", "n/a", "nan", "null", "none")
"""How files write a number that is not there, in any case."""

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
    """The number that ``text`` is, or that a list has as its only one; NaN if it is missing.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(text, list | np.ndarray):
        values = np.ravel(np.asarray(text, object))
        if len(values) != 1:
            raise ValueError(f"is a list of {len(values)}, where one number is needed")
        text = values[0]
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
    return float32(values)


def is_number_or_missing(cell: Any) -> bool:
    """Whether a cell holds a number, or says that there is none."""
    try:
        parse_number(cell)
    except ValueError:
        return False
    return True


def encoding_of(path: Path) -> str:
    """The encoding that the byte order mark of a text file tells; UTF-8 where it has none."""
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")


def lines_of(path: Path, encoding: str) -> Iterator[str]:
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
            "encoding='cp1252' (Windows in Western Europe and America) or 'gb18030' (Chinese)"
        ) from error
    except LookupError:
        raise DataError(f"encoding {encoding!r} is not known to Python") from None


def float32(values: list[float]) -> NDArray[np.float32]:
    """Return ``values`` as an array, infinite where they are beyond float32."""
    with np.errstate(over="ignore"):
        return np.array(values, np.float32)
