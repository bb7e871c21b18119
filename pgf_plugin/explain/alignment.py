"""How far what a token attends to lies from when its word is spoken."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.explain.word_matching import NO_WORD, word_of_each_character
from pgf_plugin.explain.word_times import WordTimes


class AlignmentError(NamedTuple):
    """Distances in seconds between expected attended time and the middle of the word.

    Attributes:
        mean, median: over tokens.
        uniform_mean, uniform_median: the same of attention that is alike on all steps.
        tokens: how many have a time.
    """

    mean: float
    median: float
    uniform_mean: float
    uniform_median: float
    tokens: int


def token_centres(
    text: str, spans: Sequence[tuple[int, int]], times: WordTimes
) -> NDArray[np.float64]:
    """Middle of the word of each token in seconds, (L,); NaN where it has none.

    Args:
        text: the transcript.
        spans: (L,) first character of each token in it and the one after its last; empty for
            special tokens.
        times: of its words, matched by
            :func:`~pgf_plugin.explain.word_matching.word_of_each_character`.
    """
    owner = word_of_each_character(text, times.words)
    centres = np.full(len(spans), np.nan)
    middles = times.centres
    for token, (begin, end) in enumerate(spans):
        # Some tokenizers count the space before a word to its token.
        numbers = (number for number in owner[begin:end] if number != NO_WORD)
        if (number := next(numbers, NO_WORD)) != NO_WORD:
            centres[token] = middles[number]
    return centres


def token_errors(
    attention: NDArray, step_times: NDArray, centres: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Errors of the tokens that have a time, and those of uniform attention, in seconds.

    Args:
        attention: (L, T) of one layer on the steps of one modality; only its proportions count.
        step_times: (T,) middle of each step in seconds.
        centres: (L,) as of :func:`token_centres`.
    """
    mass = attention.sum(axis=1)
    timed = ~np.isnan(centres) & (mass > 0)
    expected = attention[timed] @ step_times / mass[timed]
    return abs(expected - centres[timed]), abs(step_times.mean() - centres[timed])


def summarize(errors: NDArray, uniform: NDArray) -> AlignmentError | None:
    """Mean and median of errors (n,) and of those of uniform attention; None without any."""
    if not len(errors):
        return None
    return AlignmentError(
        float(errors.mean()),
        float(np.median(errors)),
        float(uniform.mean()),
        float(np.median(uniform)),
        len(errors),
    )
