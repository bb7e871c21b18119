"""The formats of data that can be read, and how one is told from another."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.formats.csd import is_csd, read_csd
from pgf_plugin.datasets.formats.known import split_files
from pgf_plugin.datasets.formats.misa import SUFFIX as PICKLE
from pgf_plugin.datasets.formats.misa import read_misa
from pgf_plugin.datasets.formats.mmsa import read_mmsa
from pgf_plugin.datasets.formats.npz_table import read_npz
from pgf_plugin.datasets.formats.pickle_layout import holds_tuples, is_pickle
from pgf_plugin.datasets.formats.table import read_table_file
from pgf_plugin.datasets.formats.table_files import SUFFIXES
from pgf_plugin.errors import DataError, check_one_of

HEAD_BYTES = 4096
"""How much of a file's beginning a format is told by."""

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Format:
    """One kind of data file or folder.

    Attributes:
        name: what ``--format`` calls it.
        description: what it is, in a few words.
        matches: whether ``path`` looks like it, given its first bytes (none for a folder).
        read: ``read(path, **options)``; the options are its keyword-only parameters.
    """

    name: str
    description: str
    matches: Callable[[Path, bytes], bool]
    read: Callable[..., FeatureTable]

    @property
    def options(self) -> list[str]:
        """Names of the options that ``read`` takes."""
        parameters = inspect.signature(self.read).parameters.values()
        return [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]

    def check_options(self, options: dict) -> None:
        """Raise ValueError for an option that this format does not take, listing what it takes."""
        for name in options:
            if not self.options:
                raise ValueError(f"the format {self.name!r} takes no options, got {name!r}")
            check_one_of(f"an option of the format {self.name!r}", name, self.options)


def _is_misa(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return bool(split_files(path, [PICKLE]))
    return is_pickle(path, head) and holds_tuples(head)


def _is_table(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return bool(split_files(path, SUFFIXES))
    return head.startswith(b"PAR1") or path.suffix.lower() in SUFFIXES


_FORMATS = (
    Format(
        "npz",
        "table of utterances, .npz",
        lambda path, head: head.startswith(b"PK\x03\x04") or path.suffix == ".npz",
        read_npz,
    ),
    Format(
        "csd",
        "computational sequences of the CMU-MultimodalSDK, a folder of .csd",
        is_csd,
        read_csd,
    ),
    Format(
        "misa",
        "features of MISA, MMIM or MAG-BERT, .pkl or a folder of train.pkl, dev.pkl, test.pkl",
        _is_misa,
        read_misa,
    ),
    Format(
        "table",
        "table of utterances, .csv, .tsv, .jsonl, .json, .parquet, or a folder of one a split",
        _is_table,
        read_table_file,
    ),
    Format("mmsa", "features of MMSA or MMSA-FET, .pkl", is_pickle, read_mmsa),
)
FORMATS: dict[str, Format] = {each.name: each for each in _FORMATS}
"""Formats by name, in the order in which they are tried."""


def choose_format(path: Path, name: str | None) -> Format:
    """The format called ``name``, or the one that ``path`` has.

    Raises:
        FileNotFoundError: if there is nothing at ``path``.
        ValueError: for a name that no format has.
        DataError: if the file is compressed as a whole; without a name also if it is empty, or of
            no known format.
    """
    if name is None:
        return detect_format(path)
    check_one_of("format", name, FORMATS)
    _read_head(path)
    return FORMATS[name]


def detect_format(path: Path) -> Format:
    """Tell the format of the file or folder ``path`` by its content, or else by its name.

    Raises:
        FileNotFoundError: if there is nothing at ``path``.
        DataError: if the file is empty, compressed as a whole, or of no known format.
    """
    head = _read_head(path)
    if not head and not path.is_dir():
        raise DataError(f"{path} is empty: download it again")
    for each in FORMATS.values():
        if each.matches(path, head):
            return each
    found = f"the first bytes {head[:8]!r}"
    if path.is_dir():
        found = f"the entries {sorted(entry.name for entry in path.iterdir())[:8]}"
    known = "; ".join(f"{each.name} ({each.description})" for each in FORMATS.values())
    raise DataError(f"{path}: unknown format ({found}). What is read: {known}")


def _read_head(path: Path) -> bytes:
    """The first bytes of a file, none of a folder."""
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    if path.is_dir():
        return b""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(_GZIP):
        packed = path.suffix.lower() in (".gz", ".tgz")
        command = (
            f"gunzip {path.name}" if packed else f"gunzip < {path.name} > unpacked{path.suffix}"
        )
        raise DataError(f"{path} is compressed with gzip: unpack it first ({command})")
    return head
