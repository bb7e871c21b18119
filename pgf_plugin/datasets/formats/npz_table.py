"""``.npz`` tables with one feature vector an utterance.

Keys: ``id``, ``label``, any of ``raw_text``, ``text``, ``audio``, ``vision`` (N, D), and one or
more columns whose name begins with ``split`` and which hold the split of each utterance. A vector
is read as a sequence of one step. Other keys are not read.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import FeatureTable, RaggedArray
from pgf_plugin.errors import DataError
from pgf_plugin.file_checks import check_archive
from pgf_plugin.structures import MODALITIES

_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    TypeError,
    EOFError,
    OSError,
    KeyError,
    NotImplementedError,
    MemoryError,
)
EXPECTED = "'id', 'label', a column 'split…', and any of 'raw_text', 'text', 'audio', 'vision'"


def read_npz_table(path: Path) -> FeatureTable:
    """Read a table of utterances.

    Raises:
        DataError: if the file is truncated, holds pickled objects, has another layout, or would
            fill the memory.
    """
    check_archive(path)
    arrays = _load(path)
    columns = sorted(key for key in arrays if key.startswith("split"))
    if "id" not in arrays or "label" not in arrays or not columns:
        raise DataError(f"{path}: found the keys {sorted(arrays)}, expected {EXPECTED}")
    count = len(arrays["id"])
    for key, values in arrays.items():
        if len(values) != count:
            raise DataError(f"{path}: {key} has {len(values)} rows, but id has {count}")
    texts = arrays.get("raw_text")
    return FeatureTable(
        source=str(path),
        ids=arrays["id"].astype(str).tolist(),
        texts=[""] * count if texts is None else texts.astype(str).tolist(),
        labels=_numbers(path, "label", arrays["label"]).reshape(count, -1),
        sequences={
            name: _one_step(path, name, arrays[name]) for name in MODALITIES if name in arrays
        },
        splits={column: arrays[column].astype(str) for column in columns},
    )


def _load(path: Path) -> dict[str, NDArray]:
    wanted = {"id", "label", "raw_text", *MODALITIES}
    try:
        # Opened here, because np.load leaves a file that it cannot read open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {
                key: np.atleast_1d(archive[key])
                for key in archive.files
                if key in wanted or key.startswith("split")
            }
    except _UNREADABLE as error:
        raise DataError(
            f"{path} cannot be read as .npz ({type(error).__name__}: {error}): it is truncated, or "
            "holds pickled objects, which are not loaded"
        ) from error


def _one_step(path: Path, name: str, values: NDArray) -> RaggedArray:
    features = _numbers(path, name, values)
    if features.ndim != 2:
        raise DataError(f"{path}: {name} must be (N, D), got {features.shape}")
    return RaggedArray.from_lengths(features, np.ones(len(features), np.int64))


def _numbers(path: Path, name: str, values: NDArray) -> NDArray[np.float32]:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{path}: {name} must hold numbers, got dtype {values.dtype}")
    return values.astype(np.float32)
