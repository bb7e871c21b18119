"""Which files the data come from, and whether their hashes are published."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.inspection.published import PUBLISHED_FILES


@dataclass(frozen=True)
class SourceFile:
    """A file that data come from.

    Attributes:
        name: its path, or its name where a store remembers it.
        bytes: its size.
        sha256: its hash; None where it was not taken.
        published: the published file that has this hash.
    """

    name: str
    bytes: int
    sha256: str | None
    published: str | None

    def __str__(self) -> str:
        if self.sha256 is None:
            return f"{self.name}, {self.bytes:,} bytes"
        known = f"this is {self.published}" if self.published else "unknown file: no published hash"
        return f"{self.name}, {self.bytes:,} bytes, SHA-256 {self.sha256}: {known}"


def source_files(table: FeatureTable, *, hashed: bool = True) -> list[SourceFile]:
    """List the files that ``table`` comes from; for a store, those that it was made of.

    Args:
        table: its ``info`` may list several under ``files``; otherwise ``source`` is the file.
        hashed: whether each is read for its hash, which a store already knows.
    """
    store = table.info.get("store")
    if store is not None:
        return [
            SourceFile(each["name"], each["bytes"], each["sha256"], _published(each["sha256"]))
            for each in store["source"]["files"]
        ]
    paths = [Path(name) for name in table.info.get("files") or [table.source]]
    return [_source_file(path, hashed) for path in paths if path.is_file()]


def _source_file(path: Path, hashed: bool) -> SourceFile:
    digest = None
    if hashed:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return SourceFile(str(path), path.stat().st_size, digest, _published(digest))


def _published(digest: str | None) -> str | None:
    known = PUBLISHED_FILES.get(digest or "")
    return str(known) if known else None
