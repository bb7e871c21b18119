"""One file of hidden states: records that are appended once and then read from a map."""

import io
import mmap
import os
import struct
import weakref
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

DIGEST_BYTES = 32
"""Length of the key of a record."""

_ALIGNED = 64
_MAGIC = b"PGFS"
# Magic, checksum of the content, its bytes, digest, checksum of all that.
_HEADER = struct.Struct(f"<4sIQ{DIGEST_BYTES}sI12x")


class Record(NamedTuple):
    """Where the content of a record is.

    Attributes:
        digest: its key.
        offset: first byte of the content in the file.
        size: bytes of the content.
        checksum: CRC-32 of the content.
    """

    digest: bytes
    offset: int
    size: int
    checksum: int


def record_size(content: int) -> int:
    """Bytes that a record of ``content`` bytes takes in a file."""
    return _HEADER.size + -(-content // _ALIGNED) * _ALIGNED


class StateFile:
    """Records in a file that one process appends to and any number may read.

    A record has a header with checksums. What a killed process left half written at the end is not
    seen; what is damaged is told by :meth:`records` (a header) or :meth:`read` (a content).

    Args:
        file: an open file; unbuffered, so that a full disk is told where the record is written.

    Attributes:
        size: bytes that were appended here.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        weakref.finalize(self, file.close)
        self._map: mmap.mmap | None = None
        self._scanned = 0
        self.size = 0

    def records(self) -> Iterator[Record]:
        """Yield the whole records that were appended since the last call.

        Raises:
            ValueError: at what is no header; the rest of the file is not read then or later.
        """
        size = os.fstat(self._file.fileno()).st_size
        while self._scanned + _HEADER.size <= size:
            self._file.seek(self._scanned)
            header = self._file.read(_HEADER.size)
            magic, checksum, content, digest, own = _HEADER.unpack(header)
            if magic != _MAGIC or own != zlib.crc32(header[: _HEADER.size - 16]):
                place, self._scanned = self._scanned, 1 << 62
                raise ValueError(f"there is no record at byte {place:,}")
            end = self._scanned + record_size(content)
            if end > size:
                return
            yield Record(digest, self._scanned + _HEADER.size, content, checksum)
            self._scanned = end

    def read(self, record: Record) -> np.ndarray | None:
        """Return the content (size,) uint8 in the map, read-only; None if it is damaged."""
        end = record.offset + record.size
        if self._map is None or len(self._map) < end:
            if os.fstat(self._file.fileno()).st_size < end:  # somebody cut the file
                return None
            # The map from before stays as long as somebody holds an array of it.
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        content = np.frombuffer(self._map, np.uint8, record.size, record.offset)
        return content if zlib.crc32(content.data) == record.checksum else None

    def append(self, digest: bytes, content: bytes) -> Record:
        """Write a record behind the others.

        Raises:
            OSError: if it cannot be written, such as on a full disk.
        """
        checksum = zlib.crc32(content)
        header = _HEADER.pack(_MAGIC, checksum, len(content), digest, 0)
        own = zlib.crc32(header[: _HEADER.size - 16])
        header = _HEADER.pack(_MAGIC, checksum, len(content), digest, own)
        padded = (header + content).ljust(record_size(len(content)), b"\0")
        self._file.seek(self.size)
        rest = memoryview(padded)
        while rest:
            rest = rest[self._file.write(rest) :]
        record = Record(digest, self.size + _HEADER.size, len(content), checksum)
        self.size += len(padded)
        return record
