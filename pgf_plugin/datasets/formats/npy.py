"""numpy's own files: ``.npy`` arrays, and the arrays in an ``.npz`` archive.

Sizes are checked before anything is allocated, objects are never unpickled, and what lies in a file
uncompressed is mapped into memory, not read.
"""

import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from pgf_plugin.datasets.formats.texts import check_texts
from pgf_plugin.datasets.sequences import LazySequences, offsets_of
from pgf_plugin.errors import DataError

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    TypeError,
    EOFError,
    OSError,
    KeyError,
    NotImplementedError,
    MemoryError,
    RuntimeError,  # an encrypted member
    SyntaxError,  # a dtype that numpy takes for a list of several
)
"""What a malformed file may raise."""

MAX_EXPANSION = (256 << 20, 100)
"""Bytes that an archive may expand to: so many, and so many more for each byte of the archive."""

MAX_EMPTY = 1 << 20
"""Rows and steps that an array may claim to have if it holds nothing."""

_PLAIN_KINDS = "biufSU"
_MAPPED_BYTES = 1 << 20
_LOCAL_HEADER = struct.Struct("<26xHH")


class NpyHeader(NamedTuple):
    """What a ``.npy`` file says of its array."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    offset: int

    @property
    def bytes(self) -> int:
        """Size of the array."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def read_header(file: IO[bytes]) -> NpyHeader:
    """Read the header at the beginning of ``file``.

    Raises:
        DataError: for an array of anything but numbers and texts, and see :func:`check_empty`.
        ValueError: if it is none.
    """
    version = npy_format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = npy_format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = npy_format.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version} of the format is not read")
    if min(shape, default=0) < 0:
        raise ValueError(f"the shape {shape} is none")
    check_empty(shape)
    if dtype.kind not in _PLAIN_KINDS:
        raise DataError(
            f"an array of dtype {dtype}: it would hold pickled objects, which are not loaded; "
            "arrays of numbers and texts are"
        )
    return NpyHeader(shape, fortran, dtype, file.tell())


def check_empty(shape: Sequence[int]) -> None:
    """Raise DataError for an array of size 0 that claims to have a great many rows or steps.

    They take no byte in a file, and as many sequences, texts or steps once it is read.
    """
    if 0 in shape and math.prod(axis for axis in shape if axis) > MAX_EMPTY:
        raise DataError(
            f"an array of shape {shape}, which holds nothing and claims more than {MAX_EMPTY} rows "
            "or steps: leave it out, or write the features that it should have"
        )


def check_expansion(expanded: int, size: int) -> None:
    """Raise DataError if a file of ``size`` bytes claims to hold far more, ``expanded`` bytes."""
    base, ratio = MAX_EXPANSION
    if expanded > base + ratio * size:
        raise DataError(
            f"it is {size} bytes long and claims to hold {expanded}: it is not unpacked, as no "
            "features compress so well"
        )


class NpzFile:
    """The arrays of an ``.npz`` archive, each read when it is asked for.

    Args:
        path: the archive.

    Raises:
        DataError: if it is no archive, or claims to hold far more than its size.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._members = {
                    member.filename.removesuffix(".npy"): member for member in archive.infolist()
                }
            check_expansion(sum(m.file_size for m in self._members.values()), path.stat().st_size)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        except UNREADABLE as error:
            raise self._unreadable(error) from error

    @property
    def keys(self) -> list[str]:
        """Names of the arrays."""
        return list(self._members)

    def holds_texts(self, key: str) -> bool:
        """Whether there is an array ``key`` of texts, by its header alone."""
        if key not in self._members:
            return False
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self._members[key]) as file:
                return read_header(file).dtype.kind in "SU"
        except (DataError, *UNREADABLE):
            return False  # told when it is read

    def __getitem__(self, key: str) -> NDArray:
        """The array ``key``, mapped if it is large and not compressed.

        Raises:
            DataError: if it is truncated, holds objects, or is not what its header says.
        """
        member = self._members[key]
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(member) as file:
                header = read_header(file)
                if header.bytes != member.file_size - header.offset:
                    raise ValueError(
                        f"{key} has {member.file_size - header.offset} bytes, its shape "
                        f"{header.shape} needs {header.bytes}"
                    )
                stored = member.compress_type == zipfile.ZIP_STORED
                if stored and header.bytes >= _MAPPED_BYTES and header.dtype.kind in "biuf":
                    return self._map(member, header)
                flat = check_texts(np.frombuffer(file.read(), header.dtype))
            return flat.reshape(header.shape, order="F" if header.fortran else "C")
        except DataError as error:
            raise DataError(f"{self.path}: {key} is {error}") from None
        except UNREADABLE as error:
            raise self._unreadable(error) from error

    def _map(self, member: zipfile.ZipInfo, header: NpyHeader) -> NDArray:
        with self.path.open("rb") as file:
            file.seek(member.header_offset)
            name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        start = member.header_offset + _LOCAL_HEADER.size + name + extra
        return _mapped(self.path, header._replace(offset=start + header.offset))

    def _unreadable(self, error: Exception) -> DataError:
        return DataError(
            f"{self.path} cannot be read as .npz ({type(error).__name__}: {error}): it is "
            "truncated, or no archive of numpy arrays"
        )


class NpyFiles(LazySequences):
    """Sequences that are a ``.npy`` file each, opened when they are read.

    Args:
        paths: a file (T, D) or (D,) for one step, or None for no step, as one without features.

    Raises:
        DataError: naming the first file that is missing, truncated, no array of numbers, or of
            another width than the others.
    """

    def __init__(self, paths: Sequence[Path | None]) -> None:
        self.paths = paths
        headers = [None if path is None else _file_header(path) for path in paths]
        shapes = [_steps(header) for header in headers]
        widths = {shape[1]: path for shape, path in zip(shapes, paths, strict=True) if shape[1]}
        if len(widths) > 1:
            raise DataError(
                f"the arrays differ in their number of features a step: {sorted(widths)}, such as "
                f"{' and '.join(str(path) for path in list(widths.values())[:2])}"
            )
        self.width = next(iter(widths), 0)
        self.offsets = offsets_of([shape[0] for shape in shapes])
        self._headers = headers

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        path, header = self.paths[index], self._headers[index]
        if path is None or header is None or not _steps(header)[0]:
            return np.zeros((0, self.width), np.float32)
        array = _mapped(path, header)
        return np.require(array.reshape(-1, self.width), np.float32, ["A", "C"])


def _steps(header: NpyHeader | None) -> tuple[int, int]:
    """Steps and features of a file; none of both where either lacks, as an array (0,) does."""
    steps, width = (0, 0) if header is None else ((1,) * 2 + header.shape)[-2:]
    return (steps, width) if width else (0, 0)


def _file_header(path: Path) -> NpyHeader:
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except FileNotFoundError:
        hint = ", written with \\ as on Windows: write /" if "\\" in path.name else ""
        raise DataError(f"there is no file {path}{hint}") from None
    except DataError as error:
        raise DataError(f"{path} is {error}") from None
    except UNREADABLE as error:
        raise DataError(f"{path} is no .npy array ({error})") from error
    size = path.stat().st_size - header.offset
    if size < header.bytes:
        raise DataError(f"{path} is truncated: {size} bytes of {header.bytes}")
    if header.dtype.kind not in "biuf" or len(header.shape) not in (1, 2):
        raise DataError(
            f"{path} must hold numbers (steps, features), got {header.shape} of {header.dtype}"
        )
    return header


def _mapped(path: Path, header: NpyHeader) -> Any:
    if not header.bytes:
        return np.empty(header.shape, header.dtype)
    order: Any = "F" if header.fortran else "C"
    return np.memmap(path, header.dtype, "r", header.offset, header.shape, order)
