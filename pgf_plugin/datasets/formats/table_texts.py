"""The identifiers, texts and splits of a table's rows: what is to be text, in cells of any kind."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.formats.table_files import Column
from pgf_plugin.datasets.formats.texts import decode_text
from pgf_plugin.errors import DataError, shown

_CONTROLS = re.compile(r"[\x80-\x9f]")
"""Latin-1 has them where cp1252 has quotation marks and dashes; no text has them."""


def ids_of(
    path: Path, columns: Mapping[str, Column], names: Sequence[str], count: int
) -> list[str]:
    """The identifier of each row, of one column or several; its number where there is none.

    Raises:
        DataError: naming the first row whose cell is a list or an object.
    """
    if not names:
        return [f"{path.stem}:{row}" for row in range(1, count + 1)]
    parts = zip(*(_single(path, name, columns[name]) for name in names), strict=True)
    return ["$_$".join(each) for each in parts]  # as MMSA joins video and clip


def texts_of(path: Path, columns: Mapping[str, Column], name: str | None, count: int) -> list[str]:
    """The transcript of each row, empty where there is no column of them; words are joined.

    Raises:
        DataError: naming the first row whose cell is a list of anything but words, or an object.
    """
    if name is None:
        return [""] * count
    cells = enumerate(columns[name], 1)
    return [
        decode_text(cell if _is_words(cell) else _one(path, name, row, cell, "a text or its words"))
        for row, cell in cells
    ]


def odd_texts(texts: Sequence[str]) -> list[str]:
    """A note on texts with control characters that stand for others in Windows' encodings."""
    odd = [(row, text) for row, text in enumerate(texts, 1) if _CONTROLS.search(text)]
    if not odd:
        return []
    row, text = odd[0]
    return [
        f"control characters in {len(odd)} of {len(texts)} texts, first in row {row}: "
        f"{shown(text, 40)}: they were written in another encoding than they were read in, which "
        "often is cp1252 (set encoding='cp1252')"
    ]


def splits_of(
    path: Path, columns: Mapping[str, Column], names: Sequence[str], split: str | None, count: int
) -> dict[str, NDArray[np.str_]]:
    """The split of each row, in each column of splits; ``split`` is that of all rows, if given.

    Raises:
        DataError: naming the first row whose cell is a list or an object.
    """
    if split is not None:
        return {"split": np.full(count, split)}
    return {
        name: np.array([text.strip().lower() for text in _single(path, name, columns[name])], str)
        for name in names
    }


def _single(path: Path, name: str, cells: Iterable[Any]) -> Iterator[str]:
    for row, cell in enumerate(cells, 1):
        yield decode_text(_one(path, name, row, cell, "one text or number"))


def _is_words(cell: Any) -> bool:
    return isinstance(cell, list) and all(isinstance(word, str | bytes) for word in cell)


def _one(path: Path, name: str, row: int, cell: Any, expected: str) -> Any:
    """Return ``cell`` if it is a single value."""
    if isinstance(cell, list | tuple | dict | np.ndarray):
        # Numbers are not shown: a list of them may have been rounded to float32.
        count = cell.size if isinstance(cell, np.ndarray) else len(cell)
        kind = "an object" if isinstance(cell, dict) else f"a list of {count}"
        raise DataError(
            f"{path}, row {row}: {name} is {kind}, where {expected} is needed: write it as one, or "
            "name another column"
        )
    return cell
