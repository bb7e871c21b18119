"""Which word of the word times a character of a transcript gets."""

import time

import numpy as np
import pytest

from pgf_plugin.explain.alignment import token_centres
from pgf_plugin.explain.word_matching import NO_WORD, word_of_each_character
from pgf_plugin.explain.word_times import checked_times


def drawn(text, words):
    """The number of each character's word, and a dot where it has none."""
    numbers = word_of_each_character(text, words)
    return "".join("." if number == NO_WORD else str(number) for number in numbers)


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("i like speaking well", "sp i like speaking well", "1.2222.33333333.4444"),
        ("i wish gosling", "gosling i wish gosling", "1.2222.3333333"),
        ("a i like", "i like", "..0.1111"),
        ("um i like", "i like um", "...0.1111"),
        ("like it", "alike", "......."),
        ("Good, bad - ugly!", "GOOD bad ugly", "0000..111...2222."),
        ("good, bad !", "good, bad !", "00000.111.2"),
        ("'good'...bad", "good bad", ".00000...111"),
        ("um don't know", "do n't know", "...00111.2222"),
        ("i don\u2019t", "i don 't", "0.11112"),
        ("i don 't", "i don't", "0.111..1"),
        ("it's good", "she's good", ".....1111"),
        ("film-maker, can not", "filmmaker cannot", "0000000000..111.111"),
        ("\u0130yi film", "i\u0307yi film", "000.1111"),
        ("Stra\u00dfe gut", "strasse gut", "000000.111"),
        ("\u6211\u5f88\u559c\u6b22\u3002", "\u6211 \u559c\u6b22", "0.11."),
        ("", "a", ""),
    ],
)
def test_whole_words_are_matched_in_their_order(text, words, expected):
    assert drawn(text, words.split()) == expected


def test_a_word_that_is_not_in_the_transcript_is_passed_over():
    text, words = "i really like speaking well", ["sp", "i", "really", "like", "speaking", "well"]
    starts = np.arange(6.0)
    times = checked_times("a", words, np.stack([starts, starts + 1], axis=1))
    spans = [(0, 1), (1, 8), (9, 13), (14, 19), (19, 22), (23, 27)]  # one takes the space before
    np.testing.assert_allclose(token_centres(text, spans, times), [1.5, 2.5, 3.5, 4.5, 4.5, 5.5])


def test_long_transcripts_and_foreign_words_take_no_time():
    text = [f"word{number % 300}" for number in range(1000)]
    start = time.process_time()
    for words in (text, text[::2], text[::-1], [f"other{number}" for number in range(1000)]):
        word_of_each_character(" ".join(text), words)
    assert time.process_time() - start < 10
