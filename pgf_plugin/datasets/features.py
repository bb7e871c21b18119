"""The form that every data file is read to: one table of utterances with ragged sequences."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.sequences import IndexArray, RaggedArray, Sequences

__all__ = ["FeatureTable", "IndexArray", "RaggedArray", "Sequences"]


@dataclass(frozen=True)
class FeatureTable:
    """Utterances of one file, all splits together.

    Attributes:
        source: the file, for messages.
        ids: identifier of each utterance.
        texts: transcript of each utterance, empty where there is none.
        labels: (N, n_out) float32.
        sequences: modality to its sequences, in memory or still in their file; those of ``'text'``
            are precomputed text features.
        splits: name of a split column to the split of each utterance, (N,) str.
        extra_labels: further labels by name, (N, n) float32 each, NaN where there is none: those of
            CH-SIMS for one modality alone are ``'text'``, ``'audio'`` and ``'vision'``.
        info: what is known of the data beside its values, as JSON has it: ``name``, ``format``,
            ``label_range``, ``units``, ``planted``, …; ``notes`` and ``warnings`` on how it was
            read, of which the latter should be looked at.
        times: start and end of each step in seconds from the start of its utterance, (T_i, 2), by
            modality where known; ``'words'`` has those of the words of ``texts``, which blanks
            divide.
    """

    source: str
    ids: list[str]
    texts: list[str]
    labels: NDArray[np.float32]
    sequences: Mapping[str, Sequences]
    splits: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    extra_labels: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    times: Mapping[str, Sequences] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def select(
        self, rows: IndexArray, max_steps: Mapping[str, int] | None = None
    ) -> "FeatureTable":
        """Keep ``rows``; ``max_steps`` maps a modality to its longest allowed sequence."""
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
            times={name: each.select(rows, limits.get(name)) for name, each in self.times.items()},
        )
