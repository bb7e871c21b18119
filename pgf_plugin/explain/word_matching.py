"""Which word of a list each character of a transcript belongs to."""

import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from pgf_plugin.datasets.planting import words_of

NO_WORD = -1

_APOSTROPHES = "'\u2019"

_LONGEST = 400
"""Letters of a stretch in which another spelling is looked for: longer ones are other words."""


class _Letter(NamedTuple):
    """One letter or digit; ``begin`` and ``end`` are where it stands, ``first`` in its word."""

    key: str
    begin: int
    end: int
    first: bool


class _Word(NamedTuple):
    """What stands between two spaces: as it is, what of it is spoken, and where."""

    written: str
    key: str
    begin: int
    end: int
    letters: list[_Letter]


def word_of_each_character(text: str, words: Sequence[str]) -> list[int]:
    """Number of the word that each character of ``text`` belongs to, :data:`NO_WORD` for none.

    Both are aligned as lists of whole words, without regard to case and punctuation; a word that
    the other lacks is passed over. Where they part a word otherwise, as ``don't`` and ``do n't``,
    its letters tell. Punctuation belongs to a word that has it, too, and otherwise to none.
    """
    owner = [NO_WORD] * len(text)
    spoken = list(_words(text))
    listed = [(word, number) for number, each in enumerate(words) for word in _words(each)]
    matcher = SequenceMatcher(
        None, [word.key for word in spoken], [word.key for word, _ in listed], autojunk=False
    )
    for tag, begin, end, start, stop in matcher.get_opcodes():
        if tag == "equal":
            for word, (other, number) in zip(spoken[begin:end], listed[start:stop], strict=True):
                first, last = _extent(word, whole=word.written == other.written)
                owner[first:last] = [number] * (last - first)
        elif tag == "replace":
            letters = [letter for word in spoken[begin:end] for letter in word.letters]
            others = [(letter, no) for word, no in listed[start:stop] for letter in word.letters]
            for letter, number in _spelt_alike(letters, others):
                owner[letter.begin : letter.end] = [number] * (letter.end - letter.begin)
    return owner


def _words(text: str) -> Iterator[_Word]:
    end = 0
    for word in words_of(text):
        begin = text.index(word, end)
        end = begin + len(word)
        letters = _letters(word, begin)
        written = word.casefold()
        key = "".join(letter.key for letter in letters) or written
        yield _Word(written, key, begin, end, letters)


def _letters(word: str, begin: int) -> list[_Letter]:
    """Letters, digits and marks of a word that stands at ``begin``; an apostrophe parts none."""
    letters: list[_Letter] = []
    first = True
    for place, character in enumerate(word, begin):
        if character in _APOSTROPHES and letters:
            letters[-1] = letters[-1]._replace(end=place + 1)
        elif unicodedata.category(character)[0] not in "LMN":
            first = True
        else:
            for key in character.casefold():  # of some characters, several
                letters.append(_Letter(key, place, place + 1, first))
                first = False
    return letters


def _extent(word: _Word, *, whole: bool) -> tuple[int, int]:
    """Where a word begins and ends, with its punctuation or without."""
    if whole:
        return word.begin, word.end
    return word.letters[0].begin, word.letters[-1].end


def _spelt_alike(
    letters: Sequence[_Letter], others: Sequence[tuple[_Letter, int]]
) -> Iterator[tuple[_Letter, int]]:
    """Letters, with a number of ``others``, of whole words that only the gaps part otherwise."""
    if max(len(letters), len(others)) > _LONGEST:
        return
    begins = [*(letter.first for letter in letters), True]
    starts = [*(letter.first for letter, _ in others), True]
    keys, other_keys = [each.key for each in letters], [each.key for each, _ in others]
    matcher = SequenceMatcher(None, keys, other_keys, autojunk=False)
    for begin, start, size in matcher.get_matching_blocks():
        shared = [k for k in range(size + 1) if begins[begin + k] and starts[start + k]]
        for k in range(shared[0], shared[-1]) if shared else ():
            yield letters[begin + k], others[start + k][1]
