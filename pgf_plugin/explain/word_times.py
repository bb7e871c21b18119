"""When each word of an utterance is spoken."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.formats.csd import SUFFIX, read_csd
from pgf_plugin.datasets.formats.csd_words import LATE_WORDS
from pgf_plugin.datasets.planting import Planting, words_of
from pgf_plugin.errors import DataError


class WordTimes(NamedTuple):
    """The words of one utterance.

    Attributes:
        words: W words, in the order of the transcript.
        intervals: (W, 2) start and end in seconds from the start of the utterance.
    """

    words: list[str]
    intervals: NDArray[np.float64]

    @property
    def centres(self) -> NDArray[np.float64]:
        """(W,) middle of each word in seconds."""
        return self.intervals.mean(axis=1)


def checked_times(sample_id: str, words: Sequence[Any], intervals: ArrayLike) -> WordTimes:
    """Times of an utterance that can be right.

    Raises:
        DataError: naming the utterance and the position, if a word has no time, ends before it
            starts, or has its middle no later than that of the word before.
    """
    array = np.asarray(intervals, np.float64).reshape(-1, 2)
    if len(words) != len(array):
        raise DataError(
            f"word times of {sample_id!r}: {len(words)} words, but {len(array)} pairs of start and "
            "end: give one of each a word"
        )
    backward = ~np.isfinite(array).all(1) | (array[:, 1] < array[:, 0])
    backward[1:] |= ~(np.diff(array.mean(axis=1)) > 0)
    if backward.any():
        place = int(backward.argmax())
        before = f" after {array[place - 1].tolist()}" if place else ""
        raise DataError(
            f"word times of {sample_id!r} do not increase: position {place} ({words[place]!r}) has "
            f"{array[place].tolist()}{before}; each word must end after it starts and lie behind "
            "the one before: correct the file"
        )
    return WordTimes([str(word) for word in words], array)


def planted_times(table: FeatureTable) -> dict[str, WordTimes]:
    """Times of the words of planted data, which are exact; empty for others."""
    if "planted" not in table.info:
        return {}
    seconds = Planting.from_info(table.info["planted"]).word_seconds
    found = {}
    for sample_id, text in zip(table.ids, table.texts, strict=True):
        words = words_of(text)
        starts = seconds * np.arange(len(words))
        found[sample_id] = WordTimes(words, np.stack([starts, starts + seconds], axis=1))
    return found


def read_word_times(path: Path) -> dict[str, WordTimes]:
    """Read word times of a ``.csd`` file (with its labels beside it) or of JSON lines.

    A line has ``id``, and lists ``words``, ``start`` and ``end`` (seconds). The words of
    CMU-MOSI's file stand one interval late, which is put right.

    Raises:
        DataError: for a file that is neither, an utterance that has two lines, or times that do not
            increase.
    """
    if path.suffix == SUFFIX:
        table = read_csd(path, words=path.stem, word_shift=int(path.stem in LATE_WORDS))
        rows = zip(table.ids, table.texts, strict=True)
        return {
            sample_id: checked_times(sample_id, text.split(), table.times["words"][row])
            for row, (sample_id, text) in enumerate(rows)
        }
    return _read_lines(path)


def _read_lines(path: Path) -> dict[str, WordTimes]:
    """The times of JSON lines; blank lines are passed over."""
    found: dict[str, WordTimes] = {}
    places: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        sample_id, times = _read_line(path, number, line)
        if sample_id in found:
            raise DataError(
                f"{path}, line {number}: the id {sample_id!r} stands in line {places[sample_id]} "
                "already: keep one of both"
            )
        found[sample_id], places[sample_id] = times, number
    return found


def _read_line(path: Path, number: int, line: str) -> tuple[str, WordTimes]:
    try:
        row = json.loads(line)
        sample_id, words = str(row["id"]), list(row["words"])
        intervals = np.array([row["start"], row["end"]], np.float64).T
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{path}, line {number}: must be JSON such as {{"id": "a", "words": ["good"], "start": '
            f'[0.1], "end": [0.4]}}: {type(error).__name__}: {error}'
        ) from error
    return sample_id, checked_times(sample_id, words, intervals)
