"""Whether a store is what was written: every byte is read."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgf_plugin.datasets.store.open import open_store
from pgf_plugin.datasets.store.schema import read_document
from pgf_plugin.errors import DataError


def verify_store(folder: str | Path) -> list[str]:
    """Compare every file of the store ``folder`` with its checksum.

    Returns:
        The problems found, a sentence each; none for a sound store.
    """
    folder = Path(folder).expanduser()
    try:
        document = read_document(folder)
    except DataError as error:
        return [str(error)]
    problems = [
        problem
        for name, state in document["files"].items()
        if (problem := _problem(folder / name, state))
    ]
    if problems:
        return problems
    try:
        open_store(folder)
    except DataError as error:
        return [str(error)]
    return []


def _problem(path: Path, state: Mapping[str, Any]) -> str | None:
    if not path.is_file():
        return f"{path} is missing"
    if path.stat().st_size != state["bytes"]:
        return f"{path} has {path.stat().st_size:,} bytes instead of {state['bytes']:,}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != state["sha256"]:
        return f"{path}: its checksum fails (SHA-256 {digest} instead of {state['sha256']})"
    return None
