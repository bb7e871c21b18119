"""Synthetic computational sequences of the sizes of real data sets."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LABELS, WORDS, AUDIO, VISION = "labels", "words", "COVAREP", "FACET"
Videos = Mapping[str, tuple[NDArray, NDArray]]
"""Video to intervals (T, 2) in seconds, and features (T, D)."""


@dataclass(frozen=True)
class Size:
    """Videos, seconds of each, and utterances and words in each."""

    videos: int
    seconds: int
    utterances: int
    words: int


def synthetic_sequences(size: Size, seed: int = 0) -> dict[str, Videos]:
    """Random sequences of this size."""
    rng = np.random.default_rng(seed)
    names = [f"video{number:05d}" for number in range(size.videos)]
    return {
        LABELS: {name: _utterances(rng, size) for name in names},
        WORDS: {name: _words(rng, size) for name in names},
        AUDIO: {name: _steps(rng, size.seconds * 100, 0.01, 74) for name in names},
        VISION: {name: _steps(rng, size.seconds * 30, 1 / 30, 35) for name in names},
    }


def _utterances(rng: np.random.Generator, size: Size) -> tuple[NDArray, NDArray]:
    edges = np.sort(rng.uniform(0, size.seconds, 2 * size.utterances)).reshape(-1, 2)
    return edges.astype(np.float32), rng.uniform(-3, 3, (size.utterances, 1)).astype(np.float32)


def _words(rng: np.random.Generator, size: Size) -> tuple[NDArray, NDArray]:
    edges = np.linspace(0, size.seconds, size.words + 1) + rng.uniform(0, 0.05, size.words + 1)
    words = np.array([b"good", b"bad", b"movie", b"the"])[rng.integers(0, 4, (size.words, 1))]
    return np.stack([edges[:-1], edges[1:]], axis=1), words


def _steps(
    rng: np.random.Generator, count: int, duration: float, width: int
) -> tuple[NDArray, NDArray]:
    edges = duration * np.arange(count + 1)
    features = rng.standard_normal((count, width), dtype=np.float32)
    return np.stack([edges[:-1], edges[1:]], axis=1).astype(np.float32), features
