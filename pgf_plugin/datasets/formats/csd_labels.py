"""The utterances that the labels of computational sequences define."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.alignment import EPSILON
from pgf_plugin.datasets.formats.csd_file import CsdFile
from pgf_plugin.datasets.sequences import IndexArray, offsets_of
from pgf_plugin.errors import DataError

_EMOTIONS = ["happy", "sad", "anger", "surprise", "disgust", "fear"]
_NAMES = {1: ["sentiment"], 6: _EMOTIONS, 7: ["sentiment", *_EMOTIONS]}
"""Columns of CMU-MOSI and CMU-MOSEI, for files that do not name theirs."""


@dataclass(frozen=True)
class Utterances:
    """Labelled intervals, video by video.

    Attributes:
        videos: the videos, V.
        offsets: (V + 1,) video ``v`` has the utterances from ``offsets[v]`` to ``offsets[v + 1]``.
        ids: ``video[i]``, ``i`` counted in the order of the file, as ``mmsdk`` does.
        intervals: of each video, (n, 2) start and end in seconds.
        labels: (N, 1), the first column of the leading labels.
        extra_labels: the other columns by name, (N, 1) each; NaN where there is none.
    """

    videos: list[str]
    offsets: IndexArray
    ids: list[str]
    intervals: list[NDArray[np.floating]]
    labels: NDArray[np.float32]
    extra_labels: Mapping[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.ids)

    def reference(self, video: int) -> NDArray[np.floating]:
        """Intervals of ``video`` to align to, (n, 2).

        One too short for any step to count as overlapping is widened about its middle, so that it
        gets the steps there. (CMU-MOSI has one, of no length; ``mmsdk`` drops it, and with it an
        utterance of the published 1284.)
        """
        intervals = self.intervals[video]
        short = intervals[:, 1] - intervals[:, 0] < EPSILON
        middle = intervals.mean(axis=1, keepdims=True)
        around = np.array([-1.5 * EPSILON, 1.5 * EPSILON], intervals.dtype)
        return np.where(short[:, None], middle + around, intervals)

    def starts(self, video: int) -> NDArray[np.floating]:
        """Seconds at which the utterances of ``video`` begin, (n,)."""
        return self.intervals[video][:, 0]


def read_utterances(
    folder: Path, files: Sequence[CsdFile], others: Sequence[CsdFile]
) -> Utterances:
    """Read the utterances of the videos that all of ``others`` have.

    Args:
        folder: where the files are, for messages.
        files: files of labels; the first has the intervals, the others labels of the same ones.
        others: the sequences that are to be aligned.

    Raises:
        DataError: if no video is in all files, ids repeat, or labels are text or of other
            intervals.
    """
    leading, *further = files
    for file in files:
        if file.is_text:
            raise DataError(f"{folder}: the labels {file} are text, expected numbers")
    videos = _shared(folder, leading, others)
    segments = [leading.read(video) for video in videos]
    counts = [len(segment.intervals) for segment in segments]
    ids = [
        each
        for video, count in zip(videos, counts, strict=True)
        for each in _ids(leading, video, count)
    ]
    if len(set(ids)) < len(ids):
        raise DataError(f"{leading.path} has both 'video' and 'video[i]' of one video")
    intervals = [segment.intervals for segment in segments]
    values = np.concatenate([segment.features for segment in segments])
    names = _column_names(leading)
    extra = {name: values[:, [column]] for column, name in enumerate(names) if column}
    for file in further:
        joined = _join(file, videos, intervals)
        for column, name in enumerate(_column_names(file)):
            free = name if name not in {names[0], *extra} else f"{file.root_name} {name}"
            extra[free] = joined[:, [column]]
    return Utterances(videos, offsets_of(counts), ids, intervals, values[:, :1], extra)


def _shared(folder: Path, leading: CsdFile, others: Sequence[CsdFile]) -> list[str]:
    videos = list(leading.keys)
    for file in others:
        left = [video for video in videos if video in file.keys]
        if not left:
            raise DataError(
                f"{folder}: {leading} and {file} share no video: {videos[:3]}, … and "
                f"{list(file.keys)[:3]}, …"
            )
        videos = left
    return videos


def _ids(file: CsdFile, video: str, count: int) -> list[str]:
    keys = file.keys[video]
    if keys != [video] and len(keys) == count:
        return keys  # aligned before: the file itself has a group for each utterance
    return [f"{video}[{index}]" for index in range(count)]


def _column_names(file: CsdFile) -> list[str]:
    named = file.metadata.get("dimension names")
    if (
        isinstance(named, list)
        and all(isinstance(name, str) for name in named)
        and len(set(named)) == len(named) == file.width
    ):
        return named
    return _NAMES.get(file.width) or [f"{file.root_name} {i}" for i in range(file.width)]


def _join(
    file: CsdFile, videos: list[str], intervals: list[NDArray[np.floating]]
) -> NDArray[np.float32]:
    """Labels of ``file`` for the same intervals, (N, D); NaN where it has none."""
    rows = []
    for video, wanted in zip(videos, intervals, strict=True):
        values = np.full((len(wanted), file.width), np.nan, np.float32)
        if video in file.keys:
            segment = file.read(video)
            place = {key: row for row, key in enumerate(_milliseconds(segment.intervals))}
            for row, key in enumerate(_milliseconds(wanted)):
                if key in place:
                    values[row] = segment.features[place[key]]
        rows.append(values)
    joined = np.concatenate(rows)
    if np.isnan(joined).all():
        raise DataError(
            f"{file.path} has no labels for the intervals of the leading labels: leave it out, or "
            "name another"
        )
    return joined


def _milliseconds(intervals: NDArray[np.floating]) -> list[tuple[int, int]]:
    rounded = np.rint(intervals.astype(np.float64) * 1000).astype(np.int64)
    return [(int(start), int(end)) for start, end in rounded]
