"""``.npz`` tables of utterances.

Keys: ``id``, ``label`` (N,) or (N, n), any of ``raw_text``, ``text``, ``audio``, ``vision``, and
one or more whose name begins with ``split`` and which hold the split of each utterance. Features
are, for ``audio`` and likewise for the others,

- (N, D): one vector an utterance, read as a sequence of one step;
- (N, T, D) with ``audio_lengths`` (N,): padded sequences;
- (steps, D) with ``audio_lengths`` (N,) or ``audio_offsets`` (N + 1,): concatenated sequences.

Other keys are not read.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import FeatureTable, RaggedArray, Sequences
from pgf_plugin.datasets.formats.known import describe_source
from pgf_plugin.datasets.formats.npy import NpzFile
from pgf_plugin.datasets.formats.options import NONE, column_names
from pgf_plugin.datasets.formats.table_files import SUFFIXES
from pgf_plugin.datasets.formats.texts import decode_text
from pgf_plugin.datasets.sequences import PaddedArray, offsets_of
from pgf_plugin.errors import DataError, check_one_of

EXPECTED = "'id', 'label', a column 'split…', and any of 'raw_text', 'text', 'audio', 'vision'"


def read_npz(
    path: Path,
    *,
    id_column: str = "id",
    text_column: str = "raw_text",
    label_column: str | Sequence[str] = "label",
    split_column: str | Sequence[str] | None = None,
    text_features_column: str = "text",
    audio_column: str = "audio",
    vision_column: str = "vision",
) -> FeatureTable:
    """Read a table of utterances; large arrays that are not compressed stay in the file.

    Args:
        path: the archive.
        id_column: key of the identifiers.
        text_column: key of the transcripts; ``'none'`` leaves them out, likewise features.
        label_column: key of the labels, or several keys.
        split_column: key or keys of the splits; None for all that begin with ``split``.
        text_features_column: key of precomputed text features.
        audio_column: key of the audio features.
        vision_column: key of the vision features.

    Raises:
        ValueError: for a key that the archive does not have, with the nearest that it has.
        DataError: if the file is truncated, holds pickled objects, or has another layout.
    """
    archive = NpzFile(path)
    label_keys = column_names("label_column", label_column)
    split_keys = column_names("split_column", split_column) or sorted(
        key for key in archive.keys if key.startswith("split")
    )
    defaults = id_column == "id" and label_column == "label" and split_column is None
    if defaults and not ({"id", "label"} <= set(archive.keys) and split_keys):
        raise DataError(
            f"{path}: found the keys {sorted(archive.keys)[:20]}, expected {EXPECTED}"
            f"{_advice(archive.keys)}"
        )
    for option, keys in (("label_column", label_keys), ("split_column", split_keys)):
        if not keys:
            raise DataError(f"{path}: set {option} to one of its keys {sorted(archive.keys)[:20]}")
    for key in (id_column, *label_keys, *split_keys):
        check_one_of(f"a column of {path}", key, archive.keys)
    for option, key, usual in (
        ("text_column", text_column, "raw_text"),
        ("text_features_column", text_features_column, "text"),
        ("audio_column", audio_column, "audio"),
        ("vision_column", vision_column, "vision"),
    ):
        if key not in (usual, NONE):
            check_one_of(f"{option} for {path}", key, [*archive.keys, NONE])
    unnamed = text_column == "raw_text" and "raw_text" not in archive.keys
    if unnamed and archive.holds_texts("text"):
        text_column = "text"
        text_features_column = NONE if text_features_column == "text" else text_features_column
    ids = np.atleast_1d(archive[id_column])
    if ids.ndim != 1:
        raise DataError(f"{path}: {id_column} must be (N,), one an utterance, got {ids.shape}")
    reader = _Reader(path, archive, len(ids))
    labels = np.concatenate([reader.labels(key) for key in label_keys], axis=1)
    features = {"text": text_features_column, "audio": audio_column, "vision": vision_column}
    return FeatureTable(
        source=str(path),
        ids=reader.texts(id_column),
        texts=reader.texts(text_column),
        labels=labels,
        sequences={
            name: reader.sequences(key) for name, key in features.items() if key in archive.keys
        },
        splits={key: np.array(reader.texts(key), str) for key in split_keys},
        info=describe_source("npz", _sizes(reader.texts(split_keys[0])), labels),
    )


def _advice(keys: Sequence[str]) -> str:
    """What to do with an archive that is none of numpy's, or whose keys have other names."""
    if "[Content_Types].xml" in keys:
        return ". This is a file of Excel or Word: save it as CSV"
    if any(PurePosixPath(key).name == "data.pkl" for key in keys):
        return ". This is a file of torch.save: save its arrays with numpy.savez"
    if any(
        key.lower().endswith((*SUFFIXES, ".npy", ".npz", ".pkl", ".pickle", ".csd")) for key in keys
    ):
        return ". This is an archive of feature files or tables: unpack it"
    if keys and all("/" in key for key in keys):  # .npy, which keys leave out
        return ". This is an archive of a folder: unpack it"
    return ", or id_column, label_column and split_column with the keys that it has"


def _sizes(splits: Sequence[str]) -> list[int]:
    names = np.array(splits, str)
    return np.unique(names[names != ""], return_counts=True)[1].tolist()


class _Reader:
    """Reads arrays of ``count`` rows each."""

    def __init__(self, path: Path, archive: NpzFile, count: int) -> None:
        self.path = path
        self.archive = archive
        self.count = count

    def texts(self, key: str) -> list[str]:
        """Texts, (N,), empty where the archive has none of that key."""
        if key not in self.archive.keys:
            return [""] * self.count
        values = np.atleast_1d(self.archive[key])
        self._check_rows(key, values)
        return [decode_text(value) for value in values]

    def labels(self, key: str) -> NDArray[np.float32]:
        """Labels, (N, n)."""
        values = self._numbers(key)
        self._check_rows(key, values)
        with np.errstate(over="ignore"):  # a label beyond float32 is reported as infinite
            return values.astype(np.float32).reshape(self.count, -1)

    def sequences(self, key: str) -> Sequences:
        """Features of one modality in one of the three layouts."""
        values = self._numbers(key)
        offsets = self._offsets(key)
        if offsets is not None and values.ndim == 2 and offsets[-1] == len(values):
            return RaggedArray(values.astype(np.float32, copy=False), offsets)
        self._check_rows(key, values)
        if offsets is not None and values.ndim == 3:
            lengths = np.diff(offsets)
            if lengths.max(initial=0) <= values.shape[1]:
                return PaddedArray(values, lengths)
            raise DataError(
                f"{self.path}: lengths of {key} reach {lengths.max()}, beyond its "
                f"{values.shape[1]} steps"
            )
        if values.ndim != 2 or offsets is not None:
            raise DataError(
                f"{self.path}: {key} must be (N, D), (N, T, D) with {key}_lengths, or (steps, D) "
                f"with {key}_lengths that sum to the steps, got {values.shape}"
            )
        one_step = np.ones(self.count, np.int64)
        return RaggedArray.from_lengths(values.astype(np.float32, copy=False), one_step)

    def _offsets(self, key: str) -> NDArray[np.int64] | None:
        """Where the sequences of ``key`` begin and end, (N + 1,), if the archive says so."""
        for name, extra in ((f"{key}_offsets", 1), (f"{key}_lengths", 0)):
            if name not in self.archive.keys:
                continue
            numbers = self._numbers(name)
            if numbers.dtype.kind not in "iu" or numbers.shape != (self.count + extra,):
                raise DataError(
                    f"{self.path}: {name} must be {self.count + extra} integers, got "
                    f"{numbers.shape} of {numbers.dtype}"
                )
            numbers = numbers.astype(np.int64)
            offsets = numbers if extra else offsets_of(numbers)
            if offsets[0] != 0 or (np.diff(offsets) < 0).any():
                raise DataError(f"{self.path}: {name} must not be negative, nor offsets decrease")
            return offsets
        return None

    def _numbers(self, key: str) -> NDArray[Any]:
        values = np.atleast_1d(self.archive[key])
        if values.dtype.kind not in "biuf":
            raise DataError(f"{self.path}: {key} must hold numbers, got dtype {values.dtype}")
        return values

    def _check_rows(self, key: str, values: NDArray) -> None:
        if len(values) != self.count:
            raise DataError(f"{self.path}: {key} has {len(values)} rows, but id has {self.count}")
