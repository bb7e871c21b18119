"""What the numbers of a trial stand on: its encoder and its data files, with their hashes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from pgf_plugin.bench.file_hash import file_hash
from pgf_plugin.bench.fingerprint import files_of
from pgf_plugin.config.load import dataset_nodes, type_name
from pgf_plugin.datasets.store.schema import DOCUMENT, read_document
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
