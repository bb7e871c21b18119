"""One split of an MMSA feature file, checked as it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import Sequences
from pgf_plugin.datasets.formats.texts import decode_id, decode_text, describe, keys_of
from pgf_plugin.datasets.sequences import PaddedArray
from pgf_plugin.errors import DataError

Padding = Literal["end", "start"]

EXPECTED = (
    "a dict of the splits 'train', 'valid', 'test', each with 'id', 'regression_labels', and "
    "'raw_text' and arrays 'text', 'audio', 'vision' (N, T, D)"
)
_LABELS = ("regression_labels", "labels")
_EXTRA_LABELS = {
    "text": "regression_labels_T",
    "audio": "regression_labels_A",
    "vision": "regression_labels_V",
    "classification": "classification_labels",
}
_PROBED_ROWS = 8


class MMSASplit:
    """One split of the file.

    Args:
        path: the file, for messages.
        name: name of the split.
        content: what the file holds under that name.
        padding: the side on which sequences are filled with zeros.

    Raises:
        DataError: if ``content`` is no such split.
    """

    def __init__(self, path: Path, name: str, content: Any, padding: Padding = "end") -> None:
        self.where = f"{path}, split {name!r}"
        if not isinstance(content, Mapping):
            raise DataError(f"{self.where}: found {describe(content)}, expected {EXPECTED}")
        self.name = name
        self.content = content
        self.padding = padding
        if "id" not in content:
            raise self._missing("id")
        self.ids = [decode_id(sample_id) for sample_id in self._list("id")]

    def __len__(self) -> int:
        return len(self.ids)

    def texts(self) -> list[str]:
        """Transcripts, empty where the file has none."""
        if self.content.get("raw_text") is None:
            return [""] * len(self)
        texts = self._list("raw_text")
        self._check_count("raw_text", len(texts))
        return [decode_text(text) for text in texts]

    def labels(self, *, required: bool = True) -> NDArray[np.float32]:
        """Labels, (N, 1), NaN where there is none.

        Raises:
            DataError: if labels are ``required`` and the split has none at all.
        """
        key = next((key for key in _LABELS if key in self.content), None)
        if key is not None:
            return self._labels(key)
        if required:
            raise self._missing("regression_labels")
        return np.full((len(self), 1), np.nan, np.float32)

    def extra_labels(self) -> dict[str, NDArray[np.float32]]:
        """Labels of one modality alone and classes, (N, 1) each, by name."""
        return {
            name: self._labels(key) for name, key in _EXTRA_LABELS.items() if key in self.content
        }

    def sequences(self, name: str) -> Sequences:
        """Sequences of modality ``name`` without padding, still in the file."""
        values = self._numbers(name)
        if values.ndim != 3:
            raise DataError(f"{self.where}: {name} must be (N, T, D), got {values.shape}")
        if len(values) != len(self) and values.shape[1] == len(self):
            raise self._axes(name, values, "(T, N, D)")
        self._check_count(name, len(values))
        lengths = self._lengths(name, values)
        return PaddedArray(values, lengths, from_end=self.padding == "start")

    def _labels(self, key: str) -> NDArray[np.float32]:
        labels = self._numbers(key)
        if labels.ndim > 1 and labels.size != len(self):
            raise DataError(
                f"{self.where}: {key} has the shape {labels.shape}, expected (N,) or (N, 1): keep "
                "the one column that is to be predicted"
            )
        self._check_count(key, labels.size)
        with np.errstate(over="ignore"):  # a label beyond float32 is reported as infinite
            labels = labels.reshape(-1, 1).astype(np.float32)
        if "mask" in self.content:
            mask = self._numbers("mask").reshape(-1)
            if len(mask) == len(self):
                labels[mask == 0] = np.nan
        return labels

    def _lengths(self, name: str, values: NDArray) -> NDArray[np.int64]:
        key, steps = f"{name}_lengths", values.shape[1]
        if key in self.content:
            numbers = np.nan_to_num(self._numbers(key), nan=-1, posinf=-1, neginf=-1)
            lengths = numbers.astype(np.int64).reshape(-1)
        elif (tokens := self._tokens()) is not None and tokens.shape[2] in values.shape[1:]:
            key, lengths = "text_bert", (tokens[:, 1] > 0).sum(1)
            if tokens.shape[2] != steps:
                if len(lengths) == len(values) and _features_end(values, lengths):
                    raise self._axes(name, values, "(N, D, T)")
                return self._nonzero_steps(name, values)
            if name != "text" and self._goes_on(values, lengths):
                return self._nonzero_steps(name, values)
        else:
            return self._nonzero_steps(name, values)
        self._check_count(key, len(lengths))
        beyond = np.flatnonzero((lengths < 0) | (lengths > steps))
        if len(beyond) and _features_end(values, lengths):
            raise self._axes(name, values, "(N, D, T)")
        if len(beyond):
            row = beyond[0]
            raise DataError(
                f"{self.where}: {len(beyond)} lengths of {name} ({key}) lie beyond the array, "
                f"which has {steps} steps, first {lengths[row]} of {self.ids[row]!r}: "
                "the file is inconsistent, extract the features again"
            )
        self._check_padding(name, values, lengths)
        return lengths

    def _goes_on(self, values: NDArray, lengths: NDArray) -> bool:
        """Whether steps after ``lengths`` are real on both sides: then it is not as long as those.

        BERT's features of padding are not zero, those of audio and vision are.
        """
        if len(lengths) != len(values) or (lengths > values.shape[1]).any():
            return False
        rows = _shortest(lengths, np.flatnonzero(lengths < values.shape[1]))
        return bool(len(rows)) and all(
            _any(values[row, : values.shape[1] - lengths[row]])
            and _any(values[row, lengths[row] :])
            for row in rows
        )

    def _nonzero_steps(self, name: str, values: NDArray) -> NDArray[np.int64]:
        """Steps without the padding, (N,), of an array without lengths."""
        steps = values.shape[1]
        before, after = np.full((2, len(values)), steps)  # steps that are zero throughout
        for row, padded in enumerate(values):  # one at a time: it may be larger than memory
            real = np.flatnonzero(_any(padded, axis=1))
            if len(real):
                before[row], after[row] = real[0], steps - 1 - real[-1]
        filled = before < steps
        zeros, others = (before, after) if self.padding == "start" else (after, before)
        if filled.any() and not zeros[filled].any() and (others[filled] > 0).mean() > 0.5:
            raise self._side(name, "end" if self.padding == "start" else "start")
        return steps - zeros

    def _check_padding(self, name: str, values: NDArray, lengths: NDArray) -> None:
        """Look at the shortest sequences: the data must be where the lengths say.

        Features that are nowhere zero, as those that BERT has of its padding, tell nothing.
        """
        short = np.flatnonzero((lengths > 0) & (lengths < values.shape[1] - 3))
        rows = _shortest(lengths, short)
        if not len(rows):
            return
        at_start, at_end = (
            not any(_any(values[row][part]) for row, part in zip(rows, parts, strict=True))
            for parts in (
                [slice(values.shape[1] - lengths[row]) for row in rows],
                [slice(lengths[row], None) for row in rows],
            )
        )
        if at_start != at_end and at_start != (self.padding == "start"):
            raise self._side(name, "start" if at_start else "end")
        if not at_start and not at_end and _features_end(values, lengths):
            raise self._axes(name, values, "(N, D, T)")

    def _tokens(self) -> NDArray | None:
        if "text_bert" not in self.content:
            return None
        tokens = self._numbers("text_bert")
        if tokens.ndim != 3 or tokens.shape[1] != 3:
            raise DataError(f"{self.where}: text_bert must be (N, 3, L), got {tokens.shape}")
        return tokens

    def _numbers(self, key: str) -> NDArray:
        try:
            values = np.asarray(self.content[key])
            if values.dtype == object and values.size:
                values = np.asarray(values.tolist())
        except ValueError as error:
            raise DataError(f"{self.where}: {key} is no regular array ({error})") from error
        if values.dtype.kind not in "biuf":
            raise DataError(f"{self.where}: {key} must hold numbers, got dtype {values.dtype}")
        return values

    def _list(self, key: str) -> list[Any]:
        values = self.content[key]
        if not isinstance(values, list | tuple) and getattr(values, "ndim", 0) == 0:
            raise DataError(f"{self.where}: {key} must be a list, got {describe(values)}")
        return list(values)

    def _check_count(self, key: str, count: int) -> None:
        if count != len(self):
            raise DataError(f"{self.where}: {key} has {count} rows, but id has {len(self)}")

    def _missing(self, key: str) -> DataError:
        hint = "" if key == "id" else " (unlabelled='keep' reads a split without labels)"
        return DataError(
            f"{self.where}: no {key!r} among its keys {keys_of(self.content)}; "
            f"expected {EXPECTED}{hint}"
        )

    def _side(self, name: str, found: str) -> DataError:
        return DataError(
            f"{self.where}: {name} is padded at the {found}, but padding is {self.padding!r}: set "
            f"padding={found!r}"
        )

    def _axes(self, name: str, values: NDArray, found: str) -> DataError:
        return DataError(
            f"{self.where}: {name} {values.shape} looks like {found}, expected (N, T, D): "
            "transpose it"
        )


def _shortest(lengths: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """A few of ``rows``, those of the shortest sequences."""
    return rows[np.argsort(lengths[rows], kind="stable")][:_PROBED_ROWS]


def _features_end(values: NDArray, lengths: NDArray[np.int64]) -> bool:
    """Whether the last axis of ``values`` ends with the lengths, as that of the steps should."""
    if not (0 <= lengths.min() <= lengths.max() <= values.shape[2]):
        return False
    rows = _shortest(lengths, np.flatnonzero(lengths < values.shape[2]))
    return bool(len(rows)) and not any(_any(values[row, :, lengths[row] :]) for row in rows)


def _any(values: NDArray, axis: int | None = None) -> Any:
    with np.errstate(invalid="ignore"):  # NaN is something too
        return values.any(axis=axis)
