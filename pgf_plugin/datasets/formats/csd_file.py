"""One computational sequence of the CMU-MultimodalSDK: a ``.csd`` file.

The layout is HDF5: a group named like the sequence, in it ``data`` and ``metadata``. ``data`` has a
group for each video, with ``intervals`` (T, 2), seconds, and ``features`` (T, D), numbers or text.
A sequence that was aligned before has groups ``video[i]``; they are joined. ``metadata`` has one
text a key, which is JSON, ``str`` of a list, or plain, as whoever wrote it chose.
"""

import json
from collections.abc import Iterator, Mapping
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
_METADATA = ("root name", "dataset name", "dimension names")


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

    Raises:
        DataError: if it is no computational sequence, or refers to anything outside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_hdf5(path) as file:
            self.root_name, data = _find_data(file)
            self.metadata = _read_metadata(file, self.root_name)
            self.keys = _by_video(list(data))
            if not self.keys:
                raise DataError(f"{path} has no video in it: {EXPECTED}")
            first = _features(file, data, next(iter(self.keys.values()))[0])
            self.is_text = first.dtype.kind in "SO"
            self.width: int = first.shape[1]

    def __str__(self) -> str:
        return f"{self.path.name} ({self.root_name!r})"

    def intervals(self, videos: list[str]) -> Iterator[NDArray[np.floating]]:
        """Yield the intervals (T, 2) of each of ``videos``; their features are checked, not read.

        Raises:
            DataError: for intervals that are not numbers, not finite, or end before they start;
                features of another width or length; naming file and video.
        """
        with open_hdf5(self.path) as file:
            _, data = _find_data(file)
            for video in videos:
                yield self._joined([self._intervals(file, data, key) for key in self.keys[video]])

    def read(self, video: str) -> Segment:
        """Read the steps of ``video``, in the order of the file."""
        with open_hdf5(self.path) as file:
            _, data = _find_data(file)
            keys = self.keys[video]
            intervals = self._joined([self._intervals(file, data, key) for key in keys])
            features = [file.read(_features(file, data, key)) for key in keys]
        joined = np.concatenate(features)
        return Segment(intervals, joined if self.is_text else joined.astype(np.float32, copy=False))

    def _joined(self, parts: list[NDArray]) -> NDArray[np.floating]:
        intervals = np.concatenate(parts)
        return intervals if intervals.dtype.kind == "f" else intervals.astype(np.float64)

    def _intervals(self, file: Hdf5File, data: Any, key: str) -> NDArray:
        where = f"{self.path}, video {key!r}"
        features = _features(file, data, key)
        if features.shape[1] != self.width or (features.dtype.kind in "SO") != self.is_text:
            raise DataError(
                f"{where}: features are {features.dtype} {features.shape}, but those of the first "
                f"video are {'text' if self.is_text else 'numbers'} of {self.width} a step"
            )
        dataset = file.dataset(file.group(data, key), "intervals")
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


def _find_data(file: Hdf5File) -> tuple[str, Any]:
    """The name of the sequence, and the group of its videos."""
    names = list(file.root)
    if len(names) != 1:
        raise DataError(f"{file.path} has {sorted(names)[:8]} at the top: {EXPECTED}")
    root = file.group(file.root, names[0])
    if "data" not in list(root):
        raise DataError(f"{file.path} has {list(root)[:8]} in {names[0]!r}: {EXPECTED}")
    return names[0], file.group(root, "data")


def _features(file: Hdf5File, data: Any, key: str) -> Any:
    features = file.dataset(file.group(data, key), "features")
    if len(features.shape) != 2:
        raise DataError(
            f"{file.path}, video {key!r}: features must be (T, D), got {features.shape}"
        )
    return features


def _by_video(keys: list[str]) -> dict[str, list[str]]:
    videos: dict[str, list[str]] = {}
    for key in keys:
        videos.setdefault(video_of(key), []).append(key)
    return videos


def _read_metadata(file: Hdf5File, root_name: str) -> Mapping[str, Any]:
    """What the keys of :data:`_METADATA` say; those that the file lacks are left out."""
    root = file.group(file.root, root_name)
    if "metadata" not in list(root):
        return {}
    group = file.group(root, "metadata")
    found = {}
    for key in set(_METADATA).intersection(group):
        dataset = file.dataset(group, key)
        if dataset.shape != (1,) or dataset.dtype.kind not in "SO":
            raise DataError(
                f"{file.path}: metadata {key!r} must be one text, "
                f"got {dataset.dtype} {dataset.shape}"
            )
        found[key] = _parse(file.read(dataset)[0])
    return found


def _parse(text: str) -> Any:
    """Read JSON, or the list of names that ``str`` of a list is; other text stands for itself."""
    for form in (text, text.replace("'", '"')):
        try:
            return json.loads(form)
        except (ValueError, RecursionError):
            continue
    return text
