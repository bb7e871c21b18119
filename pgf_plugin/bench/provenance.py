"""What the numbers of a trial stand on: its encoder and its data files, with their hashes."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from pgf_plugin.bench.fingerprint import files_of
from pgf_plugin.checkpoint_files import AtomicLocalBackend
from pgf_plugin.config.load import dataset_nodes, type_name
from pgf_plugin.datasets.store.schema import DOCUMENT, read_document
from pgf_plugin.datasets.token_cache import user_cache
from pgf_plugin.models.encoders.trained_state import TrainedStateModule


def encoder_of(model: torch.nn.Module, config: Config) -> tuple[str | None, str | None]:
    """Name of a model's text encoder, and the hash of its pretrained weights if they are frozen."""
    for module in model.modules():
        if isinstance(module, TrainedStateModule):
            identity = module.identity
            return identity.name or type(module).__name__, identity.weights
    encoder = config.model.get("encoder")
    if not isinstance(encoder, dict):
        return None, None
    return encoder.get("pretrained") or type_name(encoder), None


def data_files(config: Config) -> list[dict[str, Any]]:
    """Name, size and SHA-256 of each file that the datasets of a config come from.

    A store knows those of the files that it was made of. Any other file is read once, and again
    when its size or its time of modification changes.
    """
    found = {path.resolve(): None for node in dataset_nodes(config) for path in files_of(node)}
    return [state for path in sorted(found) for state in _states(path)]


def _states(path: Path) -> Iterator[dict[str, Any]]:
    if path.name != DOCUMENT:
        yield {"name": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}
        return
    for file in read_document(path.parent)["source"]["files"]:
        yield {key: file[key] for key in ("name", "bytes", "sha256")}


def file_hash(path: Path) -> str:
    """SHA-256 of a file, from the user's cache where its size and time have not changed."""
    state = path.stat()
    key = f"{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}"
    cached = user_cache() / "hashes" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):  # not there, or cut off
        known = json.loads(cached.read_text(encoding="utf-8"))
        if known["key"] == key:
            return str(known["sha256"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with suppress(OSError):  # read-only: it is hashed again the next time
        AtomicLocalBackend().put_text(json.dumps({"key": key, "sha256": digest}), cached)
    return digest
