"""A store as a table, whose features stay in their files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.statistics import StepStatistics
from pgf_plugin.datasets.store.arrays import StoredSequences
from pgf_plugin.datasets.store.manifest import Manifest, read_manifest
from pgf_plugin.datasets.store.schema import MANIFEST, array_file, read_document
from pgf_plugin.errors import DataError


def open_store(folder: str | Path) -> FeatureTable:
    """Open the store ``folder``: the manifest is read, features when they are used.

    The sizes of all files, the headers of the arrays and the lengths in the manifest are checked;
    the content of the arrays is left to :func:`~pgf_plugin.datasets.store.verify_store`.

    Returns:
        The table. Its ``info`` is the source's, and ``'store'`` in it says where it comes from:
        ``source`` with the files' SHA-256, ``nonfinite``, the treatment of NaN and inf, and
        ``treated``, how many values of each modality had it.

    Raises:
        DataError: if it is no store, of a newer schema version, damaged, or lacks a file.
    """
    folder = Path(folder).expanduser().resolve()
    document = read_document(folder)
    for name, state in document["files"].items():
        _check_size(folder / name, state["bytes"])
    manifest = read_manifest(folder / MANIFEST)
    _check_manifest(folder, document, manifest)
    return FeatureTable(
        source=str(folder),
        ids=manifest.ids,
        texts=manifest.texts,
        labels=manifest.labels,
        sequences={
            name: StoredSequences(
                folder / array_file(name), manifest.offsets[name], _statistics(document, name)
            )
            for name in document["modalities"]
        },
        splits=manifest.splits,
        extra_labels=manifest.extra_labels,
        info={
            **document["info"],
            "store": {
                **{key: document[key] for key in ("source", "nonfinite", "schema_version")},
                "treated": {
                    name: modality["nonfinite"] for name, modality in document["modalities"].items()
                },
            },
        },
    )


def _check_size(path: Path, size: int) -> None:
    if not path.is_file():
        raise DataError(
            f"the store lacks {path}: convert the source again (pgf data convert --force)"
        )
    if path.stat().st_size != size:
        raise DataError(
            f"{path} has {path.stat().st_size:,} bytes instead of {size:,}: the store is damaged "
            "or was copied in part, copy it or convert the source again"
        )


def _check_manifest(folder: Path, document: Mapping[str, Any], manifest: Manifest) -> None:
    told = (document["utterances"], sorted(document["modalities"]))
    found = (len(manifest.ids), sorted(manifest.offsets))
    if told != found:
        raise DataError(
            f"{folder}: the manifest has {found[0]} utterances with {found[1]}, but store.json "
            f"says {told[0]} with {told[1]}: convert the source again (pgf data convert --force)"
        )


def _statistics(document: Mapping[str, Any], modality: str) -> dict[str, StepStatistics]:
    return {
        column: StepStatistics(
            of[modality]["count"], np.array(of[modality]["mean"]), np.array(of[modality]["std"])
        )
        for column, of in document["statistics"].items()
        if modality in of
    }
