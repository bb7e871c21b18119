"""Data by their path: a store, or a feature file of any format."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.formats import load_table
from pgf_plugin.datasets.store import is_store, open_store
from pgf_plugin.datasets.store.schema import DOCUMENT
from pgf_plugin.errors import ConfigError

STORE = "store"
"""What ``format`` calls a store."""


def load_data(path: str | Path, format: str | None = None, **options: Any) -> FeatureTable:
    """Open the store or read the feature file ``path``, once a process.

    Args:
        path: folder of a store, or whatever a format is read from.
        format: name of a format, or ``'store'``; None to tell it by the content.
        options: what the reader of the format takes, see
            :data:`~pgf_plugin.datasets.formats.FORMATS`; a store takes none.

    Raises:
        FileNotFoundError: if there is nothing at ``path``.
        ValueError: for an unknown format, or an option that the format does not take.
        DataError: if the data are damaged, hostile, or of no known format.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    if format != STORE and (format is not None or not is_store(path)):
        return load_table(path, format, **options)
    if options:
        raise ConfigError(f"a store takes no reader_options, got {sorted(options)} for {path}")
    document = path / DOCUMENT
    status = document.stat() if document.is_file() else None
    return _open(path.resolve(), status and (status.st_mtime_ns, status.st_ino))


@lru_cache(maxsize=4)
def _open(folder: Path, _state: tuple[int, int] | None) -> FeatureTable:
    return open_store(folder)
