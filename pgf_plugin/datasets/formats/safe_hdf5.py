"""HDF5 files, read without following anything out of them and without more memory than they hold.

HDF5 can do much that a file of features does not need and a hostile one can use: links and arrays
that lie in other files, arrays composed of others, references, types of its own, filters loaded
from plugins, arrays of any claimed size with nothing stored, and compressed chunks of a few bytes
that unpack to gigabytes. Here an object is opened only by a hard link; numbers and text are the
only types; an array must be stored whole in the file; and chunks are unpacked by zlib with a bound,
because the library's own filter grows its buffer for as long as there is output.
"""

import itertools
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.errors import DataError, require_extra

MAGIC = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file."""

_MAX_RATIO = 100
"""Bytes that may be unpacked for each byte of the file; features compress 2 to 10 times."""
_FLOOR = 1 << 26
"""Bytes that may be unpacked however small the file is."""
_STRING_BLOCK = 1 << 26
_DEFLATE, _SHUFFLE = 1, 2
_UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    zlib.error,
)


@contextmanager
def open_hdf5(path: Path) -> Iterator["Hdf5File"]:
    """Open ``path`` for reading.

    Raises:
        MissingExtraError: if h5py is not installed, with the command.
        DataError: if the file is truncated or no HDF5, in the block too.
    """
    h5py = require_extra("h5py", "mmsdk")
    try:
        with h5py.File(path, "r") as file:
            yield Hdf5File(path, file)
    except DataError:
        raise
    except _UNREADABLE as error:
        raise DataError(
            f"{path} cannot be read as HDF5 ({type(error).__name__}: {error}): it is truncated, "
            "damaged, or no such file; download it again, or check its size against the source"
        ) from error


class Hdf5File:
    """An open file, which gives groups, arrays of numbers, and text; and refuses all else.

    Args:
        path: the file, for messages and its size.
        file: the ``h5py.File``.
    """

    def __init__(self, path: Path, file: Any) -> None:
        self.path = path
        self.root = file
        self._size = path.stat().st_size
        self._left = _MAX_RATIO * self._size + _FLOOR
        self._h5py = require_extra("h5py", "mmsdk")

    def group(self, parent: Any, name: str) -> Any:
        """The group ``name`` of ``parent``."""
        return self._member(parent, name, self._h5py.Group, "group")

    def dataset(self, parent: Any, name: str) -> Any:
        """The array ``name`` of ``parent``: checked, counted, and not yet read.

        Raises:
            DataError: if it lies elsewhere, is of another type, or claims more than is stored.
        """
        dataset = self._member(parent, name, self._h5py.Dataset, "dataset")
        if dataset.is_virtual or dataset.external:
            raise self._refusal(dataset, "takes its values from other files")
        self._check_type(dataset)
        claimed = self._claimed_bytes(dataset)
        self._left -= claimed
        if self._left < 0:
            raise self._refusal(
                dataset, f"and those before it claim more than {_MAX_RATIO} times the file's size"
            )
        return dataset

    def read(self, dataset: Any) -> NDArray:
        """The values of ``dataset``: numbers, or objects of ``str`` for text."""
        if dataset.dtype.kind == "O":
            return _decoded(self._variable_strings(dataset))
        values = self._chunks(dataset) if dataset.chunks else dataset[...]
        return _decoded(values) if values.dtype.kind == "S" else values

    def _member(self, parent: Any, name: str, kind: type, description: str) -> Any:
        where = f"{self.path}, {parent.name.rstrip('/')}/{name}"
        link = parent.get(name, getlink=True)
        if link is None:
            raise DataError(f"{where}: there is no such {description}")
        if not isinstance(link, self._h5py.HardLink):
            raise DataError(
                f"{where} is a link to another place ({type(link).__name__}): it is not followed"
            )
        member = parent[name]
        if not isinstance(member, kind):
            raise DataError(f"{where} must be a {description}, got {type(member).__name__}")
        return member

    def _check_type(self, dataset: Any) -> None:
        stored = dataset.id.get_type()
        try:
            dtype = stored.dtype
        except TypeError as error:
            raise self._refusal(
                dataset, f"has another type than numbers and text ({error})"
            ) from error
        if dtype.kind == "O" and self._h5py.check_string_dtype(dtype):
            if dataset.id.get_create_plist().get_nfilters():
                raise self._refusal(dataset, "is compressed text of variable length")
        elif dtype.kind != "S" and not (
            dtype.kind in "iuf" and self._h5py.h5t.py_create(dtype).equal(stored)
        ):
            raise self._refusal(dataset, f"has the type {dtype}; numbers and text are read")

    def _claimed_bytes(self, dataset: Any) -> int:
        if dataset.shape is None:
            raise self._refusal(dataset, "has no shape")
        claimed = math.prod(dataset.shape) * dataset.dtype.itemsize
        if dataset.chunks:
            cells = math.prod(map(len, _grid(dataset)))
            return cells * math.prod(dataset.chunks) * dataset.dtype.itemsize
        if claimed > min(dataset.id.get_storage_size(), self._size) and dataset.dtype.kind != "O":
            raise self._refusal(
                dataset, f"claims {claimed} bytes {dataset.shape}, which are not stored"
            )
        return claimed

    def _chunks(self, dataset: Any) -> NDArray:
        values = np.empty(dataset.shape, dataset.dtype)
        filters = self._filters(dataset)
        for offset in itertools.product(*_grid(dataset)):
            skipped, raw = dataset.id.read_direct_chunk(offset)
            chunk = _unpack(raw, filters, skipped, dataset)
            place = tuple(
                slice(start, start + size)
                for start, size in zip(offset, dataset.chunks, strict=True)
            )
            part = values[place]  # chunks at the edge reach beyond the array
            part[...] = chunk[tuple(slice(size) for size in part.shape)]
        return values

    def _filters(self, dataset: Any) -> list[int]:
        plist = dataset.id.get_create_plist()
        filters = [plist.get_filter(index) for index in range(plist.get_nfilters())]
        for code, _, _, name in filters:
            if code not in (_DEFLATE, _SHUFFLE):
                raise self._refusal(
                    dataset, f"passes the filter {name!r}; gzip is read (h5repack -f GZIP=4)"
                )
        return [code for code, *_ in filters]

    def _variable_strings(self, dataset: Any) -> NDArray:
        """Text whose elements lie anywhere in the file: many may be the same large one."""
        rows = max(1, _STRING_BLOCK // max(1, self._size))
        width = max(1, math.prod(dataset.shape[1:]))
        blocks = [np.empty((0, *dataset.shape[1:]), object)]
        for start in range(0, dataset.shape[0], max(1, rows // width)):
            blocks.append(dataset[start : start + max(1, rows // width)])
            self._left -= sum(map(len, blocks[-1].ravel()))
            if self._left < 0:
                raise self._refusal(dataset, "holds more text than the file could store")
        return np.concatenate(blocks)

    def _refusal(self, dataset: Any, problem: str) -> DataError:
        return DataError(f"{self.path}, {dataset.name} {problem}: it is not read")


def _grid(dataset: Any) -> list[range]:
    """Where chunks begin, along each axis."""
    return [range(0, size, step) for size, step in zip(dataset.shape, dataset.chunks, strict=True)]


def _unpack(raw: bytes, filters: list[int], skipped: int, dataset: Any) -> NDArray:
    """Undo the filters of a chunk, the last one first."""
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    whole = True
    for position, code in reversed(list(enumerate(filters))):
        if skipped >> position & 1:
            continue
        if code == _DEFLATE:
            unpacker = zlib.decompressobj()
            raw = unpacker.decompress(raw, size + 1)  # one more, to see that there is
            whole = whole and unpacker.eof
        else:
            planes = np.frombuffer(raw, np.uint8).reshape(dataset.dtype.itemsize, -1)
            raw = planes.T.tobytes()
    if len(raw) != size or not whole:
        raise DataError(
            f"{dataset.file.filename}, {dataset.name}: a chunk does not unpack to the {size} bytes "
            "that it claims: the file is damaged or hostile"
        )
    return np.frombuffer(raw, dataset.dtype).reshape(dataset.chunks)


def _decoded(values: NDArray) -> NDArray:
    texts = [text.decode("utf-8", "replace") for text in values.ravel().tolist()]
    decoded = np.empty(len(texts), object)
    decoded[:] = texts
    return decoded.reshape(values.shape)
