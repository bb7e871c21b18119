"""Computational sequences, small and synthetic, written and aligned by ``mmsdk`` itself."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

mmsdk = pytest.importorskip("mmsdk.mmdatasdk", reason="needs mmsdk: pip install pgf-plugin[mmsdk]")
METADATA_KEYS = (
    "root name",
    "computational sequence description",
    "computational sequence version",
    "alignment compatible",
    "dataset name",
    "dataset version",
    "creator",
    "contact",
    "featureset bib citation",
    "dataset bib citation",
)

Videos = Mapping[str, tuple[NDArray, NDArray]]
"""Video to intervals (T, 2) and features (T, D)."""


def average(intervals, features):
    """What ``mmsdk`` is told to collapse with; text is left as it is, as its users do."""
    try:
        return np.average(features, axis=0)
    except TypeError:
        return features


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what ``mmsdk`` prints out of the report of a failure."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


@quiet()
def sequence(name: str, videos: Videos, **metadata: str):
    """A computational sequence of ``mmsdk``, in memory."""
    made = mmsdk.computational_sequence(name)
    made.setData({v: dict(intervals=i, features=f) for v, (i, f) in videos.items()}, name)
    made.setMetadata(dict.fromkeys(METADATA_KEYS, name) | metadata, name)
    return made


@quiet()
def write_csd(path: Path, name: str, videos: Videos, **metadata: str) -> Path:
    """Write a ``.csd`` file as ``mmsdk`` does."""
    sequence(name, videos, **metadata).deploy(str(path))
    return path


def sdk_dataset(sequences: Mapping[str, Videos]):
    """A dataset of ``mmsdk``, in memory; its constructor takes files alone."""
    dataset = mmsdk.mmdataset.__new__(mmsdk.mmdataset)
    dataset.computational_sequences = {n: sequence(n, each) for n, each in sequences.items()}
    return dataset


@quiet()
def sdk_align(
    sequences: Mapping[str, Videos], reference: str, collapse: Callable | None = None
) -> dict[str, dict[str, dict[str, NDArray]]]:
    """Sequence to ``video[i]`` to intervals and features, as ``mmsdk`` aligns them."""
    dataset = sdk_dataset(sequences)
    dataset.align(reference, collapse_functions=[collapse] if collapse else None)
    return {name: dict(each.data) for name, each in dataset.computational_sequences.items()}


def regular(count: int, step: float, start: float = 0.0, dtype: str = "f8") -> NDArray:
    """``count`` intervals without gaps, (count, 2)."""
    edges = start + step * np.arange(count + 1)
    return np.stack([edges[:-1], edges[1:]], axis=1).astype(dtype)


def synthetic_sequences(seed: int = 0) -> dict:
    """Labels, words, audio without gaps, and vision with gaps, of three videos of 12 seconds."""
    rng = np.random.default_rng(seed)
    sequences: dict = {"Opinion Segment Labels": {}, "words": {}, "COVAREP": {}, "FACET": {}}
    for video in ("one", "two", "three"):
        edges = np.sort(rng.uniform(0, 12, 5))
        labels = np.stack([edges[:-1], edges[1:]], axis=1).astype("f4")
        sequences["Opinion Segment Labels"][video] = (
            labels[rng.permutation(4)],  # files have them unsorted too
            rng.uniform(-3, 3, (4, 1)).astype("f4"),
        )
        words = rng.choice([b"good", b"bad", b"sp", b"film", b""], (24, 1))
        words[::5] = b"plot"
        sequences["words"][video] = (regular(24, 0.5), words)
        audio = regular(1200, 0.01, dtype="f4")
        sequences["COVAREP"][video] = (audio, rng.normal(size=(1200, 3)).astype("f4"))
        vision = regular(40, 0.3)[rng.random(40) < 0.4]
        sequences["FACET"][video] = (vision, rng.normal(size=(len(vision), 5)))
    return sequences


def write_folder(folder: Path, sequences: Mapping[str, Videos]) -> Path:
    """Write each of ``sequences`` to a file named like it."""
    for name, videos in sequences.items():
        write_csd(folder / f"{name.replace(' ', '_')}.csd", name, videos)
    return folder
