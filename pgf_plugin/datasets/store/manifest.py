"""The manifest of a store: one row an utterance, in Parquet.

Columns: ``id``, ``raw_text``, ``split.NAME`` for each split column, ``label``, ``label.NAME`` for
each further label (a number, or a list of several), and for each modality ``length.NAME``, its
steps, and ``offset.NAME``, its first step in the modality's file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import FeatureTable, IndexArray
from pgf_plugin.datasets.sequences import offsets_of
from pgf_plugin.errors import DataError

SPLIT, LABEL, LENGTH, OFFSET = "split", "label", "length", "offset"


class Manifest(NamedTuple):
    """The utterances of a store, without their features.

    Attributes:
        ids: identifier of each.
        texts: transcript of each.
        labels: (N, n_out).
        extra_labels: name to (N, n).
        splits: name of a split column to the split of each, (N,) str.
        offsets: modality to (N + 1,), where each sequence begins and ends.
    """

    ids: list[str]
    texts: list[str]
    labels: NDArray[np.float32]
    extra_labels: dict[str, NDArray[np.float32]]
    splits: dict[str, NDArray[np.str_]]
    offsets: dict[str, IndexArray]


def write_manifest(path: Path, table: FeatureTable, lengths: Mapping[str, IndexArray]) -> None:
    """Write the utterances of ``table``, whose sequences have these ``lengths``, (N,) each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {"id": pa.array(table.ids, pa.string())}
    columns["raw_text"] = pa.array(table.texts, pa.string())
    for name, splits in table.splits.items():
        columns[f"{SPLIT}.{name}"] = pa.array(splits.tolist(), pa.string())
    columns[LABEL] = _label_column(table.labels)
    for name, labels in table.extra_labels.items():
        columns[f"{LABEL}.{name}"] = _label_column(labels)
    for name, steps in lengths.items():
        columns[f"{LENGTH}.{name}"] = pa.array(steps)
        columns[f"{OFFSET}.{name}"] = pa.array(offsets_of(steps)[:-1])
    pq.write_table(pa.table(columns), path)


def read_manifest(path: Path) -> Manifest:
    """Read the utterances.

    Raises:
        DataError: if the file is damaged, lacks a column, or lengths and offsets disagree.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not read_table(), which imports pyarrow.dataset and with it pandas: half a second.
        with pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
        columns = {name: table[name].combine_chunks() for name in table.column_names}
        return Manifest(
            ids=columns["id"].to_pylist(),
            texts=columns["raw_text"].to_pylist(),
            labels=_labels(columns[LABEL]),
            extra_labels={name: _labels(c) for name, c in _named(columns, LABEL).items()},
            splits={name: np.array(c.to_pylist()) for name, c in _named(columns, SPLIT).items()},
            offsets={name: _offsets(columns, name) for name in _named(columns, LENGTH)},
        )
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is damaged ({type(error).__name__}: {error}): convert the source again (pgf "
            "data convert --force)"
        ) from error


def _named(columns: Mapping[str, Any], kind: str) -> dict[str, Any]:
    prefix = f"{kind}."
    return {name[len(prefix) :]: c for name, c in columns.items() if name.startswith(prefix)}


def _label_column(labels: NDArray[np.float32]) -> Any:
    import pyarrow as pa

    values = pa.array(labels.ravel(), pa.float32())
    width = labels.shape[1]
    return values if width == 1 else pa.FixedSizeListArray.from_arrays(values, width)


def _labels(column: Any) -> NDArray[np.float32]:
    import pyarrow as pa

    flat = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
    return _numbers(flat).astype(np.float32).reshape(len(column), -1)


def _numbers(column: Any) -> NDArray:
    """A column without nulls; ``to_numpy`` of pyarrow would import pandas."""
    return np.from_dlpack(column)


def _offsets(columns: Mapping[str, Any], name: str) -> IndexArray:
    lengths = _numbers(columns[f"{LENGTH}.{name}"])
    offsets = offsets_of(lengths)
    if (lengths < 0).any() or (_numbers(columns[f"{OFFSET}.{name}"]) != offsets[:-1]).any():
        raise ValueError(f"lengths and offsets of {name} disagree")
    return offsets
