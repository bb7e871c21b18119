"""The words of a computational sequence, and which of them an utterance has."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.alignment import Overlaps
from pgf_plugin.datasets.formats.csd_file import CsdFile
from pgf_plugin.datasets.formats.csd_labels import Utterances
from pgf_plugin.datasets.formats.csd_sequences import ToLabels
from pgf_plugin.datasets.sequences import IndexArray, RaggedArray
from pgf_plugin.errors import DataError

LATE_WORDS = ("CMU_MOSI_ModifiedTimestampedWords",)
"""Sequences in which each word has the interval of the next one.

So it is in that of CMU-MOSI: with the intervals as they stand, the words of an utterance are 88 %
those of its published transcript, and 99 % with each word put one interval earlier.
"""


@dataclass(frozen=True)
class WordTrack:
    """Words, or word vectors, as what utterances are made of.

    Attributes:
        file: the sequence they come from.
        utterances: of which videos.
        intervals: of each video, (W, 2) start and end of its words in seconds.
        words: of each video, its W words; none for word vectors.
        overlaps: of each video, the words that overlap its utterances.
    """

    file: CsdFile
    utterances: Utterances
    intervals: list[NDArray[np.floating]]
    words: list[list[str]]
    overlaps: list[Overlaps]

    @property
    def lengths(self) -> IndexArray:
        """Words of each utterance, (N,)."""
        return np.concatenate([overlaps.lengths for overlaps in self.overlaps])

    def texts(self) -> list[str]:
        """The words of each utterance, with one blank between them."""
        return [
            " ".join(words[step] for step in overlaps.steps[overlaps.of(row)])
            for words, overlaps in zip(self.words, self.overlaps, strict=True)
            for row in range(len(overlaps.lengths))
        ]

    def times(self) -> RaggedArray:
        """Start and end of the words of each utterance, in seconds from its start."""
        alignment = ToLabels(self.utterances)
        parts = [
            alignment.times(video, intervals).values
            for video, intervals in enumerate(self.intervals)
        ]
        return RaggedArray.from_lengths(np.concatenate(parts), self.lengths)


def read_words(
    file: CsdFile, utterances: Utterances, pauses: Collection[str], shift: int = 0
) -> WordTrack:
    """Read the words of ``file``, less those that stand for a pause, and empty ones.

    White space within a word becomes ``_``, so that the words of a text are what stands between
    its blanks, and each has its times. A word has the interval ``shift`` steps before its own.

    Raises:
        DataError: if the file has no text, or more than one column of it.
    """
    if not file.is_text or file.width != 1:
        kind = "text" if file.is_text else "numbers"
        raise DataError(f"{file.path} has {kind} of {file.width} a step, expected one word a step")
    intervals, words = [], []
    for video in utterances.videos:
        segment = file.read(video)
        cleaned = ["_".join(word.split()) for word in segment.features[shift:, 0]]
        spoken = [row for row, word in enumerate(cleaned) if word and word not in pauses]
        intervals.append(segment.intervals[spoken])
        words.append([cleaned[row] for row in spoken])
    return _track(file, utterances, intervals, words)


def word_vectors(file: CsdFile, utterances: Utterances) -> WordTrack:
    """The steps of ``file`` as words, where only vectors of them are there."""
    return _track(file, utterances, list(file.intervals(utterances.videos)), [])


def _track(
    file: CsdFile,
    utterances: Utterances,
    intervals: list[NDArray[np.floating]],
    words: list[list[str]],
) -> WordTrack:
    alignment = ToLabels(utterances)
    overlaps = [alignment.overlaps(video, each) for video, each in enumerate(intervals)]
    return WordTrack(file, utterances, intervals, words, overlaps)
