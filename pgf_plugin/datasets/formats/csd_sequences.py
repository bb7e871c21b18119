"""Computational sequences cut to utterances, read one video at a time.

Two ways of alignment, after ``mmsdk``:

- to the labels: an utterance has the steps that overlap it;
- to the words: every word has the mean of the steps that overlap it, and an utterance the words
  that overlap it, so that all modalities have one step a word. ``mmsdk`` leaves out the step of a
  word that no audio (or vision) overlaps, and asks of each mean anew whether it overlaps the
  utterance, after which the modalities no longer correspond. Here the words decide for all, and
  one without audio has zeros, as in ``mmsdk``'s own imputation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.alignment import Overlaps, find_overlaps
from pgf_plugin.datasets.formats.csd_file import CsdFile, Segment
from pgf_plugin.datasets.formats.csd_labels import Utterances
from pgf_plugin.datasets.sequences import IndexArray, LazySequences, RaggedArray, offsets_of
from pgf_plugin.errors import DataError

_OTHER_UNIT = 8.0
"""Times that sequences end later than the utterances, from which on they are of another unit."""


class Alignment(Protocol):
    """How the steps of a video become the steps of its utterances."""

    def covered(self, video: int, intervals: NDArray[np.floating]) -> IndexArray:
        """Steps of each utterance, (n,), for which a sequence with ``intervals`` has something."""

    def features(self, video: int, segment: Segment) -> RaggedArray:
        """Features of each utterance."""


@dataclass(frozen=True)
class ToLabels:
    """An utterance has the steps that overlap it."""

    utterances: Utterances

    def overlaps(self, video: int, intervals: NDArray[np.floating]) -> Overlaps:
        """The steps of each utterance."""
        return find_overlaps(self.utterances.reference(video), intervals)

    def covered(self, video: int, intervals: NDArray[np.floating]) -> IndexArray:
        """Steps that overlap each utterance, (n,)."""
        return self.overlaps(video, intervals).lengths

    def features(self, video: int, segment: Segment) -> RaggedArray:
        """Features of the steps that overlap each utterance."""
        overlaps = self.overlaps(video, segment.intervals)
        return RaggedArray(segment.features[overlaps.steps], overlaps.offsets)

    def times(self, video: int, intervals: NDArray[np.floating]) -> RaggedArray:
        """Start and end of those steps, cut to the utterance, in seconds from its start."""
        overlaps = self.overlaps(video, intervals)
        starts = np.repeat(self.utterances.starts(video), overlaps.lengths)
        times = (overlaps.intervals - starts[:, None]).clip(min=0).astype(np.float32)
        return RaggedArray(times, overlaps.offsets)


@dataclass(frozen=True)
class ToWords:
    """An utterance has the mean over each of the words that overlap it.

    Attributes:
        words: of each video, (W, 2) start and end in seconds.
        of_utterances: of each video, the words that overlap its utterances.
        skip_nonfinite: leave steps with NaN or inf out of the means.
    """

    words: Sequence[NDArray[np.floating]]
    of_utterances: Sequence[Overlaps]
    skip_nonfinite: bool

    def covered(self, video: int, intervals: NDArray[np.floating]) -> IndexArray:
        """Words of each utterance that a step overlaps, (n,)."""
        steps = find_overlaps(self.words[video], intervals).lengths
        overlaps = self.of_utterances[video]
        owner = np.repeat(np.arange(len(overlaps.lengths)), overlaps.lengths)
        heard = steps[overlaps.steps] > 0
        return np.bincount(owner[heard], minlength=len(overlaps.lengths))

    def features(self, video: int, segment: Segment) -> RaggedArray:
        """Mean features of the words that overlap each utterance."""
        intervals, features = segment.intervals, segment.features
        if self.skip_nonfinite:
            finite = np.isfinite(features).all(axis=1)
            intervals, features = intervals[finite], features[finite]
        means = find_overlaps(self.words[video], intervals).mean(features)
        overlaps = self.of_utterances[video]
        return RaggedArray(means[overlaps.steps], overlaps.offsets)


class _ByVideo(LazySequences):
    """Sequences of utterances, of which those of one video are in memory at a time."""

    def __init__(self, file: CsdFile, utterances: Utterances, lengths: NDArray, width: int) -> None:
        self.file = file
        self.utterances = utterances
        self.offsets = offsets_of(lengths)
        self.width = width
        self._kept: tuple[int, RaggedArray] | None = None

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        row = range(len(self))[index]
        video = int(np.searchsorted(self.utterances.offsets, row, side="right")) - 1
        if self._kept is None or self._kept[0] != video:
            self._kept = None  # before the next one is read, so that they are not held both
            self._kept = (video, self._read(video))
        return self._kept[1][row - int(self.utterances.offsets[video])]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}

    def _read(self, video: int) -> RaggedArray:
        raise NotImplementedError


class CsdFeatures(_ByVideo):
    """Features of one modality.

    Args:
        file: the computational sequence.
        alignment: how its steps become those of utterances.
        lengths: (N,) steps of each utterance.
    """

    def __init__(
        self, file: CsdFile, utterances: Utterances, alignment: Alignment, lengths: NDArray
    ) -> None:
        super().__init__(file, utterances, lengths, file.width)
        self.alignment = alignment

    def _read(self, video: int) -> RaggedArray:
        return self.alignment.features(video, self.file.read(self.utterances.videos[video]))


class CsdTimes(_ByVideo):
    """Start and end of the steps of one modality, in seconds from the start of the utterance."""

    def __init__(
        self, file: CsdFile, utterances: Utterances, alignment: ToLabels, lengths: NDArray
    ) -> None:
        super().__init__(file, utterances, lengths, 2)
        self.alignment = alignment

    def _read(self, video: int) -> RaggedArray:
        intervals = next(iter(self.file.intervals([self.utterances.videos[video]])))
        return self.alignment.times(video, intervals)


class Covered(NamedTuple):
    """What of the utterances a sequence has something for.

    Attributes:
        counts: (N,) steps of each utterance for which it has something.
        ends: of each video, (1,) where its last step ends.
    """

    counts: IndexArray
    ends: Sequence[NDArray[np.floating]]


def count_covered(
    utterances: Utterances, alignment: Alignment, file: CsdFile, reference: CsdFile
) -> Covered:
    """Tell for which steps of each utterance ``file`` has something.

    All its intervals are read and checked for that.

    Raises:
        DataError: if there are none at all, naming ``file`` and ``reference``, the labels or words.
    """
    counts, ends = [], []
    for video, intervals in enumerate(file.intervals(utterances.videos)):
        counts.append(alignment.covered(video, intervals))
        ends.append(intervals[:, 1].max(keepdims=True, initial=0))
    covered = np.concatenate(counts)
    check_covered(utterances, covered, file, ends, reference)
    return Covered(covered, ends)


def check_covered(
    utterances: Utterances,
    covered: IndexArray,
    file: CsdFile,
    intervals: Sequence[NDArray[np.floating]],
    reference: CsdFile,
) -> None:
    """Raise DataError if nothing is ``covered`` (N,), telling where ``intervals`` end."""
    if not covered.any():
        last, end = (
            max(float(each.max(initial=0)) for each in several)
            for several in (intervals, utterances.intervals)
        )
        raise DataError(
            f"{file.path} and {reference.path} share videos, but no segment: no step overlaps an "
            f"utterance. The last step ends at {last:g}, the last utterance at {end:g}; both must "
            "be seconds from the start of the video"
        )


def other_unit(
    utterances: Utterances, file: CsdFile, intervals: Sequence[NDArray[np.floating]]
) -> str | None:
    """What to say where ``intervals``, of each video, and the utterances look like two units.

    A video may end long after its last utterance, so the one in the middle of all decides.
    """
    pairs = [
        (float(each.max(initial=0)), float(own.max(initial=0)), video)
        for video, each, own in zip(utterances.videos, intervals, utterances.intervals, strict=True)
    ]
    told = sorted((end / last, end, last, video) for end, last, video in pairs if end * last > 0)
    if not told:
        return None
    ratio, end, last, video = told[len(told) // 2]
    if 1 / _OTHER_UNIT < ratio < _OTHER_UNIT:
        return None
    return (
        f"{file} ends at {end:g} in video {video!r}, the last utterance at {last:g}, and likewise "
        "in others: are the intervals of one of them milliseconds or frames? Both must be seconds "
        "from the start of the video"
    )
