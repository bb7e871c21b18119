"""The in-memory form of every data file: one table of utterances with ragged sequences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

IndexArray = NDArray[np.int64]


@dataclass(frozen=True)
class RaggedArray:
    """Sequences of different lengths, stored without padding.

    Attributes:
        values: (sum of lengths, D) features, or (sum of lengths,) token ids.
        offsets: (N + 1,) int64; sequence ``i`` is ``values[offsets[i]:offsets[i + 1]]``.
    """

    values: NDArray
    offsets: IndexArray

    @classmethod
    def from_lengths(cls, values: NDArray, lengths: Sequence[int] | NDArray) -> "RaggedArray":
        """Wrap concatenated ``values`` of sequences with these ``lengths``, (N,)."""
        return cls(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

    @classmethod
    def from_padded(cls, values: NDArray, lengths: NDArray) -> "RaggedArray":
        """Drop the padding of ``values`` (N, T, D), of which ``lengths`` (N,) steps are real."""
        real = np.arange(values.shape[1]) < np.asarray(lengths)[:, None]  # (N, T)
        return cls.from_lengths(values[real].astype(np.float32, copy=False), lengths)

    @property
    def lengths(self) -> IndexArray:
        """Steps of each sequence, (N,)."""
        return np.diff(self.offsets)

    @property
    def width(self) -> int:
        """Features a step."""
        return self.values.shape[1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def positions(self, rows: IndexArray, lengths: IndexArray) -> IndexArray:
        """Indices into ``values`` of the first ``lengths`` steps of ``rows``, concatenated."""
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.repeat(self.offsets[rows], lengths) + within

    def select(self, rows: IndexArray, max_steps: int | None = None) -> "RaggedArray":
        """Copy the sequences of ``rows``, each cut to its first ``max_steps`` steps."""
        lengths = self.lengths[rows]
        if max_steps is not None:
            lengths = np.minimum(lengths, max_steps)
        return RaggedArray.from_lengths(self.values[self.positions(rows, lengths)], lengths)

    def row_of(self, position: int) -> int:
        """The sequence that holds step ``position`` of ``values``."""
        return int(np.searchsorted(self.offsets, position, side="right")) - 1


@dataclass(frozen=True)
class FeatureTable:
    """Utterances of one file, all splits together.

    Attributes:
        source: the file, for messages.
        ids: identifier of each utterance.
        texts: transcript of each utterance, empty where there is none.
        labels: (N, n_out) float32.
        sequences: modality to its sequences; ``'text'`` holds precomputed text features.
        splits: name of a split column to the split of each utterance, (N,) str.
        extra_labels: further labels by name, (N, n) float32 each, NaN where there is none: those of
            CH-SIMS for one modality alone are ``'text'``, ``'audio'`` and ``'vision'``.
        info: what is known of the data beside its values, as JSON has it: ``name``, ``format``,
            ``label_range``, ``units``, ``planted``, …
    """

    source: str
    ids: list[str]
    texts: list[str]
    labels: NDArray[np.float32]
    sequences: Mapping[str, RaggedArray]
    splits: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    extra_labels: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def select(
        self, rows: IndexArray, max_steps: Mapping[str, int] | None = None
    ) -> "FeatureTable":
        """Copy ``rows``; ``max_steps`` maps a modality to its longest allowed sequence."""
        limits = max_steps or {}
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            texts=[self.texts[row] for row in rows],
            labels=self.labels[rows],
            sequences={
                name: sequence.select(rows, limits.get(name))
                for name, sequence in self.sequences.items()
            },
            splits={name: column[rows] for name, column in self.splits.items()},
            extra_labels={name: labels[rows] for name, labels in self.extra_labels.items()},
        )
