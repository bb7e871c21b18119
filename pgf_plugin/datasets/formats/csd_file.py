"""One computational sequence of the CMU-MultimodalSDK: a ``.csd`` file.

The layout is HDF5: a group named like the sequence, in it ``data`` and ``metadata``. ``data`` has a
group for each video, with ``intervals`` (T, 2), seconds, and ``features`` (T, D), numbers or text.
A sequence that was aligned before has groups ``video[i]``; they are joined. ``metadata`` has one
text a key, which is JSON, ``str`` of a list, or plain, as whoever wrote it chose.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.alignment import EPSILON
from pgf_plugin.datasets.formats.safe_hdf5 import Hdf5File, open_hdf5
from pgf_plugin.errors import DataError

EXPECTED = (
    "a computational sequence has one group at the top, in it 'data', and in that a group for each "
    "video with 'features' (T, D) and 'intervals' (T, 2)"
)
_DIMENSION_NAMES = "dimension names"


@dataclass(frozen=True)
class Segment:
    """The steps of one video.

    Attributes:
        intervals: (T, 2) start and end in seconds.
        features: (T, D) float32; or (T, D) objects of ``str``.
    """

    intervals: NDArray[np.floating]
    features: NDArray


class CsdFile:
    """A computational sequence, of which nothing is kept open and only the names are in memory.

    Args:
        path: the file.

    Attributes:
        root_name: what the sequence is called.
        dimension_names: names of the features of a step, where the metadata tell.
        keys: video to the groups that it has in the file.
        is_text: whether features are text.
        width: features a step.

    Raises:
        DataError: if it is no computational sequence, or refers to anything outside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_hdf5(path) as file:
            root = _find_root(file)
            data = file.group(root, "data")
            self.root_name = root.name[1:]
            self.dimension_names = _dimension_names(file, root)
            self.keys = _by_video(list(data))
            if not self.keys:
                raise DataError(f"{path} has no video in it: {EXPECTED}")
            first = next(iter(self.keys.values()))[0]
            features = _features(file, file.group(data, first))
            self.is_text = features.dtype.kind in "SO"
            self.width: int = features.shape[1]

    def __str__(self) -> str:
        return f"{self.path.name} ({self.root_name!r})"

    def intervals(self, videos: list[str]) -> Iterator[NDArray[np.floating]]:
        """Yield the intervals (T, 2) of each of ``videos``; their features are checked, not read.

        Raises:
            DataError: for intervals that are not numbers, not finite, or end before they start;
                features of another width or length; naming file and video.
        """
        for segment in self._segments(videos, with_features=False):
            yield segment.intervals

    def segments(self, videos: list[str]) -> Iterator[Segment]:
        """Yield the steps of each of ``videos``, in the order of the file; raises as above."""
        return self._segments(videos, with_features=True)

    def read(self, video: str) -> Segment:
        """Read the steps of ``video``, in the order of the file; raises as above."""
        (segment,) = self.segments([video])
        return segment

    def _segments(self, videos: list[str], *, with_features: bool) -> Iterator[Segment]:
        with open_hdf5(self.path) as file:
            data = file.group(_find_root(file), "data")
            for video in videos:
                parts = [self._part(file, data, key, with_features) for key in self.keys[video]]
                intervals = np.concatenate([part.intervals for part in parts])
                if intervals.dtype.kind != "f":
                    intervals = intervals.astype(np.float64)
                yield Segment(intervals, np.concatenate([part.features for part in parts]))

    def _part(self, file: Hdf5File, data: Any, key: str, with_features: bool) -> Segment:
        group = file.group(data, key)
        dataset = _features(file, group)
        intervals = self._intervals(file, group, dataset)
        if not with_features:
            return Segment(intervals, np.empty((0, self.width), np.float32))
        features = file.read(dataset)
        return Segment(
            intervals, features if self.is_text else features.astype(np.float32, copy=False)
        )

    def _intervals(self, file: Hdf5File, group: Any, features: Any) -> NDArray:
        where = f"{self.path}, video {group.name.rsplit('/', 1)[1]!r}"
        if features.shape[1] != self.width or (features.dtype.kind in "SO") != self.is_text:
            raise DataError(
                f"{where}: features are {features.dtype} {features.shape}, but those of the first "
                f"video are {'text' if self.is_text else 'numbers'} of {self.width} a step"
            )
        dataset = file.dataset(group, "intervals")
        if dataset.shape != (len(features), 2) or dataset.dtype.kind not in "iuf":
            raise DataError(
                f"{where}: intervals must be numbers ({len(features)}, 2), one start and end for "
                f"each step of features, got {dataset.dtype} {dataset.shape}"
            )
        intervals = file.read(dataset)
        bad = ~np.isfinite(intervals).all(1) | (intervals[:, 1] < intervals[:, 0] - EPSILON)
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                f"{where}: {int(bad.sum())} intervals are not finite or end before they start, "
                f"first {intervals[row].tolist()} of step {row}: correct the file"
            )
        return intervals


def video_of(key: str) -> str:
    """The video that a group ``video`` or ``video[i]`` belongs to."""
    return key.split("[")[0]


def _find_root(file: Hdf5File) -> Any:
    """The group of the sequence, which has one of videos."""
    names = list(file.root)
    if len(names) != 1:
        raise DataError(f"{file.path} has {sorted(names)[:8]} at the top: {EXPECTED}")
    root = file.group(file.root, names[0])
    if "data" not in list(root):  # `in root` would follow the link
        raise DataError(f"{file.path} has {list(root)[:8]} in {names[0]!r}: {EXPECTED}")
    return root


def _features(file: Hdf5File, group: Any) -> Any:
    features = file.dataset(group, "features")
    if len(features.shape) != 2:
        raise DataError(f"{file.path}, {group.name}: features must be (T, D), got {features.shape}")
    return features


def _by_video(keys: list[str]) -> dict[str, list[str]]:
    videos: dict[str, list[str]] = {}
    for key in keys:
        videos.setdefault(video_of(key), []).append(key)
    return videos


def _dimension_names(file: Hdf5File, root: Any) -> Any:
    """What the metadata say, whatever it is; None where they say nothing."""
    if "metadata" not in list(root):
        return None
    metadata = file.group(root, "metadata")
    if _DIMENSION_NAMES not in list(metadata):
        return None
    dataset = file.dataset(metadata, _DIMENSION_NAMES)
    if dataset.shape != (1,) or dataset.dtype.kind not in "SO":
        raise DataError(
            f"{file.path}: metadata {_DIMENSION_NAMES!r} must be one text, "
            f"got {dataset.dtype} {dataset.shape}"
        )
    return _parse(file.read(dataset)[0])


def _parse(text: str) -> Any:
    """Read JSON, or the list of names that ``str`` of a list is; other text stands for itself."""
    for form in (text, text.replace("'", '"')):
        try:
            return json.loads(form)
        except (ValueError, RecursionError):
            continue
    return text
