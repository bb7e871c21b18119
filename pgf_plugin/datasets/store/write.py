"""A table of utterances to a store."""

import errno
import hashlib
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_command.version import __version__
from pgf_plugin.datasets.checks import in_split
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.statistics import StepStatistics
from pgf_plugin.datasets.store.arrays import TREATMENTS, Treatment, Written, write_sequences
from pgf_plugin.datasets.store.checks import Allowance, check_aligned, check_finite, check_table
from pgf_plugin.datasets.store.manifest import write_manifest
from pgf_plugin.datasets.store.schema import MANIFEST, array_file, write_document
from pgf_plugin.datasets.store.staging import staged
from pgf_plugin.errors import check_one_of

_OF_THE_SOURCE = ("store", "files")
"""What a table's info says of where it comes from; the document has a place of its own for that."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_store(
    table: FeatureTable,
    folder: str | Path,
    *,
    nonfinite: Treatment = "refuse",
    split_columns: Iterable[str] | None = None,
    allow: Collection[Allowance] = (),
    force: bool = False,
) -> Path:
    """Write ``table`` to the store ``folder``, whole or not at all.

    One sequence at a time is in memory, whatever the size of the source. The same table gives the
    same files, byte for byte.

    Args:
        table: the utterances; the files that ``info['files']`` lists, or else ``source``, are
            hashed into the store.
        folder: where; it must not exist, or be a store and ``force`` be true.
        nonfinite: what becomes of NaN and inf: ``'refuse'``, ``'zero'``, or ``'drop'`` of the
            steps that hold them.
        split_columns: those to keep; None for all.
        allow: what else would be refused: ``'empty-text'``, ``'missing-labels'``.
        force: whether a store that exists is replaced.

    Returns:
        The folder.

    Raises:
        FileExistsError: if there is something at ``folder``.
        BlockingIOError: if another process is writing it.
        ValueError: for an unknown argument, or a split column that the table lacks.
        DataError: for ids that repeat, NaN or inf, empty texts, labels that are missing.
        OSError: if it cannot be written, as on a full disk.
    """
    check_one_of("nonfinite", nonfinite, TREATMENTS)
    table = _with_columns(table, split_columns)
    check_table(table, allow)
    target = Path(folder).expanduser().resolve()
    try:
        with staged(target, force=force) as new:
            _check_room(table, new)
            _write(table, new, nonfinite)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise OSError(
            error.errno, f"{target} is not written, and nothing of it is left: {error.strerror}"
        ) from error
    return target


def _write(table: FeatureTable, folder: Path, nonfinite: Treatment) -> None:
    training = {column: in_split(values, "train") for column, values in table.splits.items()}
    earlier = table.info.get("store", {})  # a store holds no NaN any more
    written = {
        name: write_sequences(folder / array_file(name), sequences, nonfinite, training)
        for name, sequences in table.sequences.items()
    }
    if nonfinite == "refuse":
        check_finite(table, written)
    if nonfinite == "drop":
        check_aligned(table, written)
    write_manifest(folder / MANIFEST, table, {name: w.lengths for name, w in written.items()})
    files = [MANIFEST, *(array_file(name) for name in written)]
    write_document(
        folder,
        {
            "written_by": f"pgf-plugin {__version__}",
            "source": _source(table),
            "utterances": len(table),
            "splits": {column: _counts(values) for column, values in table.splits.items()},
            "labels": {"label": _label_summary(table.labels)}
            | {f"label.{name}": _label_summary(each) for name, each in table.extra_labels.items()},
            "modalities": {
                name: {
                    "dim": table.sequences[name].width,
                    "steps": int(each.lengths.sum()),
                    "nonfinite": each.nonfinite + earlier.get("treated", {}).get(name, 0),
                }
                for name, each in written.items()
            },
            "nonfinite": earlier.get("nonfinite", nonfinite),
            "statistics": {column: _statistics(written, column) for column in training},
            "info": {key: value for key, value in table.info.items() if key not in _OF_THE_SOURCE},
            "files": {name: _state(folder / name) for name in files},
        },
    )


def _with_columns(table: FeatureTable, names: Iterable[str] | None) -> FeatureTable:
    if names is None:
        return table
    kept = {
        check_one_of(f"a split column of {table.source}", name, sorted(table.splits)): name
        for name in names
    }
    return replace(table, splits={name: table.splits[name] for name in kept})


def _check_room(table: FeatureTable, folder: Path) -> None:
    """Raise OSError before hours of work if the disk cannot take the result."""
    needed = sum(int(each.offsets[-1]) * each.width * 4 for each in table.sequences.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"the disk has {free / 1e9:.1f} GB free, but {needed / 1e9:.1f} GB are needed",
        )


def _source(table: FeatureTable) -> dict[str, Any]:
    """Name of the source and state of its files; of a store, those that it was made of."""
    if "store" in table.info:
        return table.info["store"]["source"]
    names = table.info.get("files") or [table.source]
    paths = sorted({Path(name) for name in names if Path(name).is_file()})
    files = [{"name": path.name, **_state(path)} for path in paths]
    return {"name": Path(table.source).name, "files": files}


def _state(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _counts(values: NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(values, return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def _label_summary(labels: NDArray[np.float32]) -> dict[str, Any]:
    known = labels[~np.isnan(labels)]
    return {
        "columns": labels.shape[1],
        "missing": int(labels.size - known.size),
        "min": float(known.min()) if known.size else None,
        "max": float(known.max()) if known.size else None,
    }


def _statistics(written: Mapping[str, Written], column: str) -> dict[str, Any]:
    """Statistics of every modality whose training split has a step."""
    of = {name: each.statistics[column] for name, each in written.items()}
    return {name: _as_json(each) for name, each in of.items() if each.count}


def _as_json(statistics: StepStatistics) -> dict[str, Any]:
    return {
        "count": statistics.count,
        "mean": statistics.mean.tolist(),
        "std": statistics.std.tolist(),
    }
