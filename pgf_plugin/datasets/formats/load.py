"""Reads a feature file of any format, and keeps it for the process where that is asked for."""

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.formats.registry import choose_format

FileState = tuple[str, int, int]
"""Path, time of the last change in ns, size in bytes."""


def read_table(path: str | Path, format: str | None = None, **options: Any) -> FeatureTable:
    """Read the feature file or folder ``path``.

    The sequences may stay in the file, memory-mapped, until they are read: do not change it while
    the table is in use.

    Args:
        path: a file, or a folder of files of one format.
        format: name of the format; None to tell it by the content.
        options: what the reader of the format takes, see
            :data:`~pgf_plugin.datasets.formats.FORMATS`.

    Raises:
        FileNotFoundError: if there is nothing at ``path``.
        ValueError: for an unknown format, or an option that the format does not take.
        DataError: if the format cannot be told, or its reader refuses the file.
    """
    path = Path(path).expanduser()
    chosen = choose_format(path, format)
    chosen.check_options(options)
    return chosen.read(path, **options)


def load_table(path: str | Path, format: str | None = None, **options: Any) -> FeatureTable:
    """Read a table as :func:`read_table` does, once a process.

    The training, validation and test dataset of a process share one table: it is read again only
    when a file's time stamp or size changes, the options differ, or two others were read since.
    Arrays that a table names by their paths are not looked at.
    """
    path = Path(path).expanduser()
    named = [Path(value) for value in options.values() if isinstance(value, str | Path)]
    states = tuple(state for each in (path, *named) for state in _file_states(each))
    return _read(path.resolve(), format, _Options(deepcopy(options)), states)


class _Options(dict):
    """Options as the key of a cache: equal ones have the same names, whatever their values are."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self))


@lru_cache(maxsize=2)
def _read(
    path: Path,
    format: str | None,
    options: _Options,
    _states: tuple[FileState, ...],
) -> FeatureTable:
    return read_table(path, format, **options)


def _file_states(path: Path) -> list[FileState]:
    """State of the file ``path``, or of every file in the folder ``path``; none for no path."""
    entries = sorted(path.iterdir()) if path.is_dir() else [path]
    files = [entry for entry in entries if entry.is_file()]
    stats = [(str(entry), entry.stat()) for entry in files]
    return [(name, status.st_mtime_ns, status.st_size) for name, status in stats]
