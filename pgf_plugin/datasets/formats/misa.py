"""Feature files of MISA (https://github.com/declare-lab/MISA), of MMIM, and of MAG-BERT.

A split is a list with one tuple ``(features, label, id)`` an utterance, whose features are

- in MISA: word ids (L,), visual (L, D_v), acoustic (L, D_a), words;
- in MMIM: nothing, visual (T_v, D_v), acoustic (T_a, D_a), words, and the two numbers of steps;
- in MAG-BERT: words, visual (L, D_v), acoustic (L, D_a).

MISA and MMIM write one file a split (``train.pkl``, ``dev.pkl``, ``test.pkl``), MAG-BERT one file
with a dict of the splits. The label is one number, or the seven of CMU-MOSEI (sentiment, then
happiness, sadness, anger, surprise, disgust and fear).
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.checks import EVERY_SPLIT_NAME
from pgf_plugin.datasets.features import FeatureTable, Sequences
from pgf_plugin.datasets.formats.known import (
    aligned_info,
    describe_source,
    split_files,
    unread_note,
)
from pgf_plugin.datasets.formats.options import file_path
from pgf_plugin.datasets.formats.safe_pickle import load_pickle
from pgf_plugin.datasets.formats.texts import decode_id, decode_text, describe
from pgf_plugin.datasets.sequences import ArrayList
from pgf_plugin.errors import DataError, check_positive_int

SUFFIX = ".pkl"
EXPECTED = (
    "a list of ((words, visual, acoustic, …), label, id) for one split, or a dict of such lists "
    "for the splits 'train', 'dev', 'test'"
)
_EMOTION_COLUMNS = 7


class _Utterance(NamedTuple):
    sample_id: str
    words: Any
    visual: NDArray
    acoustic: NDArray
    label: NDArray[np.float32]


def read_misa(
    path: Path, *, label_column: int = 0, word2id: str | Path | None = None
) -> FeatureTable:
    """Read all splits of a file or folder; nothing in it is executed.

    Args:
        path: a file of one split or of a dict of splits, or the folder of one file a split.
        label_column: which number of the label counts, where there are several.
        word2id: file (JSON or pickle) with the dict of words to ids, for files that hold word ids
            without the words.

    Raises:
        FileNotFoundError: if ``word2id`` does not exist.
        ValueError: for a ``label_column`` below 0, or a ``word2id`` that is no path.
        DataError: if a file is truncated, hostile, of another layout, or inconsistent.
    """
    check_positive_int("label_column", label_column, at_least=0)
    vocabulary = None if word2id is None else _read_vocabulary(file_path("word2id", word2id))
    files = _files(path)
    splits = _read_splits(path, files)
    rows = [row for split in splits.values() for row in split]
    columns = _columns(path, rows)
    if label_column >= columns.shape[1]:
        raise DataError(
            f"{path}: label_column is {label_column}, but its labels have {columns.shape[1]} "
            "columns, counted from 0"
        )
    labels = columns[:, [label_column]]
    texts, notes = _texts(rows, vocabulary)
    if path.is_dir():
        notes += unread_note(path, files)
    sizes = [len(split) for split in splits.values()]
    emotions = columns.shape[1] == _EMOTION_COLUMNS
    sequences = {
        "audio": _sequences(path, "acoustic", rows, [row.acoustic for row in rows]),
        "vision": _sequences(path, "visual", rows, [row.visual for row in rows]),
    }
    return FeatureTable(
        source=str(path),
        ids=[row.sample_id for row in rows],
        texts=texts,
        labels=labels,
        sequences=sequences,
        splits={"split": np.repeat(list(splits), sizes)},
        extra_labels={"emotions": columns[:, 1:]} if emotions else {},
        info={
            **describe_source("misa", sizes, labels, notes),
            **aligned_info(sequences.values()),
            "files": [str(file) for file in files],
        },
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = list(split_files(path, [SUFFIX]).values())
    if not files:
        raise DataError(f"{path} holds none of {[f'{name}{SUFFIX}' for name in EVERY_SPLIT_NAME]}")
    return files


def _read_splits(path: Path, files: Sequence[Path]) -> dict[str, list[_Utterance]]:
    splits: dict[str, list[_Utterance]] = {}
    for file in files:
        content = load_pickle(file)
        if not isinstance(content, Mapping):
            content = {_split_of(file): content}
        for name, items in content.items():
            splits[str(name)] = _utterances(f"{file}, split {str(name)!r}", items)
    if not any(splits.values()):
        raise DataError(f"{path} holds no utterance; expected {EXPECTED}")
    return splits


def _split_of(file: Path) -> str:
    """The split that a file's name tells, such as ``'dev'`` of ``misa_dev.pkl``."""
    words = re.split(r"[^a-z]+", file.stem.lower())
    return next((name for name in EVERY_SPLIT_NAME if name in words), "all")


def _utterances(where: str, items: Any) -> list[_Utterance]:
    if not isinstance(items, list | tuple | np.ndarray):
        raise DataError(f"{where}: found {describe(items)}, expected {EXPECTED}")
    return [_utterance(f"{where}, utterance {row}", item) for row, item in enumerate(items)]


def _utterance(where: str, item: Any) -> _Utterance:
    if not _is_list(item) or len(item) < 3 or not _is_list(item[0]) or len(item[0]) < 3:
        raise DataError(f"{where}: found {describe(item)}, expected {EXPECTED}")
    features, label, sample_id = item[:3]
    visual, acoustic = features[1:3]
    words = features[3] if len(features) > 3 and _is_list(features[3]) else features[0]
    if not isinstance(words, str | list | tuple) and np.ndim(words) != 1:
        raise DataError(f"{where}: the words are {describe(words)}, expected a list")
    return _Utterance(
        decode_id(sample_id),
        words.split() if isinstance(words, str) else words,
        _steps(where, "visual", visual),
        _steps(where, "acoustic", acoustic),
        _label(where, label),
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _steps(where: str, name: str, values: Any) -> NDArray:
    """Features of one utterance, (T, D), or (0, 0) where it has no step."""
    array = _numbers(where, name, values)
    if not array.size:
        return array.reshape(0, array.shape[1] if array.ndim == 2 else 0)
    if array.ndim != 2:
        raise DataError(f"{where}: {name} must be (steps, features), got {array.shape}")
    return array


def _label(where: str, label: Any) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # a label beyond float32 is reported as infinite
        values = _numbers(where, "label", label).astype(np.float32).ravel()
    if not values.size:
        raise DataError(f"{where}: the label is empty")
    return values


def _numbers(where: str, name: str, values: Any) -> NDArray:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{where}: {name} is no regular array ({error})") from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: {name} must hold numbers, got {describe(values)}")
    return array


def _columns(path: Path, rows: Sequence[_Utterance]) -> NDArray[np.float32]:
    """All numbers of the labels, (N, columns)."""
    counts = [len(row.label) for row in rows]
    for row, count in zip(rows, counts, strict=True):
        if count != counts[0]:
            raise DataError(
                f"{path}: the label of {row.sample_id!r} has {count} numbers, that of "
                f"{rows[0].sample_id!r} {counts[0]}"
            )
    return np.stack([row.label for row in rows])


def _sequences(
    path: Path, name: str, rows: Sequence[_Utterance], arrays: Sequence[NDArray]
) -> Sequences:
    width = next((array.shape[1] for array in arrays if array.shape[1]), 0)
    for row, array in zip(rows, arrays, strict=True):
        if len(array) and array.shape[1] != width:
            raise DataError(
                f"{path}: {name} of {row.sample_id!r} has {array.shape[1]} features a step, "
                f"others have {width}: they are of different extractions, or the axes of some are "
                "(features, steps)"
            )
    return ArrayList([a if len(a) else a.reshape(0, width) for a in arrays], width)


def _texts(
    rows: Sequence[_Utterance], vocabulary: Mapping[int, str] | None
) -> tuple[list[str], list[str]]:
    """Transcripts, and a note if they are not in the file."""
    texts, unknown = [], 0
    for row in rows:
        words = list(row.words)
        if any(isinstance(word, int | np.integer) for word in words):
            known = vocabulary or {}
            unknown += sum(word not in known for word in words)
            words = [known[word] for word in words if word in known]
        texts.append(decode_text(words))
    if not unknown:
        return texts, []
    if vocabulary is None:
        return texts, [
            "the file holds word ids and no words, so that the texts are empty: give the dict of "
            "words to ids as word2id"
        ]
    return texts, [f"word2id lacks {unknown} words of the file, which the texts leave out"]


def _read_vocabulary(path: Path) -> dict[int, str]:
    if not path.is_file():
        raise FileNotFoundError(f"word2id: there is no file {path}")
    if path.suffix == ".json":
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is no JSON ({error})") from error
    else:
        content = load_pickle(path)
    if not isinstance(content, Mapping) or not all(
        isinstance(word, str) and isinstance(number, int) for word, number in content.items()
    ):
        raise DataError(f"{path}: found {describe(content)}, expected a dict of words to ids")
    return {number: word for word, number in content.items()}
