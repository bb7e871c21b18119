"""Finds the format of a feature file, reads it once, and keeps it for the process."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.formats.mmsa_pickle import read_mmsa_pickle
from pgf_plugin.datasets.formats.npz_table import read_npz_table
from pgf_plugin.errors import DataError

_READERS: tuple[tuple[tuple[bytes, ...], tuple[str, ...], Callable[[Path], FeatureTable]], ...] = (
    ((b"PK\x03\x04",), (".npz",), read_npz_table),
    ((b"\x80",), (".pkl", ".pickle"), read_mmsa_pickle),
)
"""First bytes, suffixes (pickles of protocol 0 have no first bytes of their own), reader."""


def load_table(data_file: str | Path) -> FeatureTable:
    """Read a feature file of any known format.

    The training, validation and test dataset of a process share one table: a file is read again
    only when its time stamp or size changes, or two other files were read since.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if its format is unknown, its reader refuses it, or it does not fit in memory.
    """
    path = Path(data_file).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"data_file: there is no file {path}. Set data_root (--data-root DIR) to the folder "
            f"that holds {path.name!r}"
        )
    status = path.stat()
    try:
        return _read(path.resolve(), status.st_mtime_ns, status.st_size)
    except MemoryError as error:
        raise DataError(f"{path} does not fit in memory: {error or 'it is too large'}") from error


@lru_cache(maxsize=2)
def _read(path: Path, _modified_ns: int, size: int) -> FeatureTable:
    if not size:
        raise DataError(f"{path} is empty: download it again")
    with path.open("rb") as file:
        head = file.read(4)
    for magic, _, reader in _READERS:
        if head.startswith(magic):
            return reader(path)
    for _, suffixes, reader in _READERS:
        if path.suffix in suffixes:
            return reader(path)
    raise DataError(
        f"{path}: unknown format (first bytes {head!r}); a feature file is an MMSA pickle "
        "(.pkl) or a table of utterances (.npz)"
    )
