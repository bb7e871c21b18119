"""Feature files of MMSA (https://github.com/thuiar/MMSA): ``aligned_50.pkl``, ``unaligned_50.pkl``.

The layout is a dict of the splits ``train``, ``valid``, ``test``, each a dict of

- ``id``, ``raw_text``: N of each;
- ``text_bert`` (N, 3, L): BERT token ids, attention mask, segment ids;
- ``text`` (N, L, 768), ``audio`` (N, T_a, D_a), ``vision`` (N, T_v, D_v): zero-padded features;
- ``audio_lengths``, ``vision_lengths``: real steps, in unaligned files alone;
- ``regression_labels`` (N,); ``annotations`` and ``classification_labels`` are not read.

Aligned files have one step of audio and vision a BERT token and no lengths; MMSA's models take them
from the attention mask of ``text_bert``, and so does this reader. Text features have that length in
both kinds. Where a file lacks ``text_bert`` too, a sequence ends with its last step that is not
zero throughout.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import FeatureTable, Sequences
from pgf_plugin.datasets.formats.safe_pickle import load_pickle
from pgf_plugin.datasets.sequences import JoinedSequences, PaddedArray
from pgf_plugin.errors import DataError
from pgf_plugin.structures import MODALITIES

EXPECTED = (
    "a dict of the splits 'train', 'valid', 'test', each with 'id', 'regression_labels', and "
    "'raw_text' and arrays 'text', 'audio', 'vision' (N, T, D)"
)


def read_mmsa_pickle(path: Path) -> FeatureTable:
    """Read all splits of an MMSA feature file; nothing in it is executed.

    Raises:
        DataError: if the file is truncated, hostile, of another layout, or inconsistent.
    """
    content = load_pickle(path)
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path}: found {_describe(content)}, expected {EXPECTED}")
    splits = [_Split(path, str(name), split) for name, split in content.items()]
    shared = [name for name in MODALITIES if all(name in split.content for split in splits)]
    return FeatureTable(
        source=str(path),
        ids=[sample_id for split in splits for sample_id in split.ids],
        texts=[text for split in splits for text in split.texts()],
        labels=np.concatenate([split.labels() for split in splits]),
        sequences={
            name: JoinedSequences([split.sequences(name) for split in splits]) for name in shared
        },
        splits={"split": np.concatenate([np.full(len(s.ids), s.name) for s in splits])},
    )


class _Split:
    """One split of the file, checked as it is read."""

    def __init__(self, path: Path, name: str, content: Any) -> None:
        self.where = f"{path}, split {name!r}"
        if not isinstance(content, Mapping):
            raise DataError(f"{self.where}: found {_describe(content)}, expected {EXPECTED}")
        missing = [key for key in ("id", "regression_labels") if key not in content]
        if missing:
            raise DataError(
                f"{self.where}: {missing} not among its keys {sorted(map(str, content))}; "
                f"expected {EXPECTED}"
            )
        self.name = name
        self.content = content
        self.ids = [str(sample_id) for sample_id in content["id"]]

    def texts(self) -> list[str]:
        """Transcripts, empty where the file has none."""
        texts = self.content.get("raw_text")
        if texts is None:
            return [""] * len(self.ids)
        self._check_count("raw_text", len(texts))
        return [_decode(text) for text in texts]

    def labels(self) -> NDArray[np.float32]:
        """Labels, (N, 1)."""
        labels = self._numbers("regression_labels")
        self._check_count("regression_labels", labels.size)
        return labels.reshape(-1, 1).astype(np.float32)

    def sequences(self, name: str) -> Sequences:
        """Sequences of modality ``name`` without padding."""
        values = self._numbers(name)
        if values.ndim != 3:
            raise DataError(f"{self.where}: {name} must be (N, T, D), got {values.shape}")
        self._check_count(name, len(values))
        return PaddedArray(values, self._lengths(name, values))

    def _lengths(self, name: str, values: NDArray) -> NDArray[np.int64]:
        key = f"{name}_lengths"
        if key not in self.content and "text_bert" not in self.content:
            return _last_nonzero_step(values)
        if key in self.content:
            lengths = self._numbers(key).astype(np.int64).reshape(-1)
        else:
            key, lengths = "text_bert", self._token_counts()
        self._check_count(key, len(lengths))
        beyond = np.flatnonzero((lengths < 0) | (lengths > values.shape[1]))
        if len(beyond):
            row = beyond[0]
            raise DataError(
                f"{self.where}: {len(beyond)} lengths of {name} ({key}) lie beyond the array, "
                f"which has {values.shape[1]} steps, first {lengths[row]} of {self.ids[row]!r}: "
                "the file is inconsistent, extract the features again"
            )
        return lengths

    def _token_counts(self) -> NDArray[np.int64]:
        tokens = self._numbers("text_bert")
        if tokens.ndim != 3 or tokens.shape[1] != 3:
            raise DataError(f"{self.where}: text_bert must be (N, 3, L), got {tokens.shape}")
        return (tokens[:, 1] > 0).sum(1)

    def _numbers(self, key: str) -> NDArray:
        try:
            values = np.asarray(self.content[key])
        except ValueError as error:
            raise DataError(f"{self.where}: {key} is no regular array ({error})") from error
        if values.dtype == object and values.size:
            values = np.asarray(values.tolist())
        if values.dtype.kind not in "biuf":
            raise DataError(f"{self.where}: {key} must hold numbers, got dtype {values.dtype}")
        return values

    def _check_count(self, key: str, count: int) -> None:
        if count != len(self.ids):
            raise DataError(f"{self.where}: {key} has {count} rows, but id has {len(self.ids)}")


def _last_nonzero_step(values: NDArray) -> NDArray[np.int64]:
    real = (values != 0).any(axis=2)  # (N, T)
    return np.where(real.any(1), values.shape[1] - real[:, ::-1].argmax(1), 0)


def _decode(text: Any) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _describe(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"a dict with the keys {sorted(map(str, content))[:8]}"
    size = f" of {len(content)}" if isinstance(content, list | tuple) else ""
    return f"a {type(content).__name__}{size}"
