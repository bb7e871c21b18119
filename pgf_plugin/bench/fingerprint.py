"""What a trial depends on, as one short hash."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from pgf_plugin import __version__
from pgf_plugin.bench.file_hash import file_hash
from pgf_plugin.config.load import dataset_nodes
from pgf_plugin.datasets.store import is_store
from pgf_plugin.datasets.store.schema import DOCUMENT

FILE_KEYS = ("data_file", "ann_file")
"""Arguments of datasets that name a file below ``data_root``: this package's, and mmengine's."""


def fingerprint(config: Config) -> str:
    """Hash a trial's config, the version of this package, and what is in the data files.

    Data that were copied or unpacked anew, to the same place, are the same.
    """
    nodes = dataset_nodes(config)
    files = sorted({file for node in nodes for file in files_of(node)})
    contents = [f"{file} {file_hash(file)}" for file in files]
    # Not its pretty_text: formatting takes longer than planning the rest of a trial.
    text = "\n".join([repr(config.to_dict()), __version__, *contents])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_of(node: Mapping[str, Any]) -> list[Path]:
    """The files of a dataset that exist: those it names, or else those in its ``data_root``.

    A store is a folder; its ``store.json`` has the checksums of the rest.
    """
    root = node.get("data_root") or ""
    named = [Path(root, node[key]) for key in FILE_KEYS if node.get(key)]
    found = named or (list(Path(root).iterdir()) if root and Path(root).is_dir() else [])
    files = [path / DOCUMENT if is_store(path) else path for path in found]
    return [path for path in files if path.is_file()]
