"""``store.json``: what a store says of itself, under a checksum of its own."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgf_plugin.errors import DataError

SCHEMA_VERSION = 1
"""Raised when an older version of this package could misread what is written."""

KIND = "pgf_plugin store"
DOCUMENT = "store.json"
MANIFEST = "manifest.parquet"
TOKENS = "tokens"
"""Folder of the token cache inside a store; it is no part of the data and has no checksum."""

_KEYS = ("source", "utterances", "modalities", "statistics", "info", "files")


def array_file(modality: str) -> str:
    """Name of the file that holds the sequences of ``modality``."""
    return f"{modality}.npy"


def is_store(path: str | Path) -> bool:
    """Whether ``path`` is a folder that claims to be a store, sound or not."""
    return Path(path).expanduser().joinpath(DOCUMENT).is_file()


def write_document(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``store.json`` of the current schema version, with its checksum."""
    document = {"kind": KIND, "schema_version": SCHEMA_VERSION, **content}
    document["checksum"] = _checksum(document)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    folder.joinpath(DOCUMENT).write_text(text + "\n", encoding="utf-8")


def read_document(folder: Path) -> dict[str, Any]:
    """Read ``store.json``.

    Raises:
        DataError: if there is none, it is damaged or edited, or of a newer schema version.
    """
    path = folder / DOCUMENT
    if not path.is_file():
        raise DataError(
            f"{folder} is no store: it has no {DOCUMENT}. `pgf data convert SRC {folder}` makes one"
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # no JSON, or no UTF-8
        raise DataError(f"{path} is damaged ({error}): {_CONVERT_AGAIN}") from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise DataError(f"{folder} is no store: {path} does not describe one")
    _check_version(path, document.get("schema_version"))
    claimed = document.pop("checksum", None)
    if claimed != _checksum(document) or any(key not in document for key in _KEYS):
        raise DataError(f"{path} was edited or is damaged (its checksum fails): {_CONVERT_AGAIN}")
    return document


_CONVERT_AGAIN = "convert the source again (pgf data convert --force)"


def _check_version(path: Path, version: Any) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DataError(f"{path} is damaged (schema_version {version!r}): {_CONVERT_AGAIN}")
    if version > SCHEMA_VERSION:
        raise DataError(
            f"{path} has schema version {version}, written by a newer pgf-plugin; this one reads "
            f"up to {SCHEMA_VERSION}: update pgf-plugin, or convert the source with this one"
        )


def _checksum(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
