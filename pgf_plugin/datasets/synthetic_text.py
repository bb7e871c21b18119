"""Sentences for the synthetic data, with words whose valence people have rated.

The valence of a word comes from the lexicon of VADER (C. Hutto, E. Gilbert, "VADER: A Parsimonious
Rule-based Model for Sentiment Analysis of Social Media Text", ICWSM 2014): the mean rating of ten
people on -4 … 4. The words of the templates are not in that lexicon, so the valence of a sentence
is known exactly from its adjectives.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pgf_plugin.errors import MissingExtraError

_POSITIVE = """
solid fine okay adequate acceptable soothing competent original fair fresh engaging
satisfactory thoughtful humorous bold dynamic amusing stunning promising interesting smart
popular helpful efficient inspiring enjoyable funny creative energetic lively entertaining
innovative playful useful good graceful sweet clever intelligent elegant valuable effective
thrilling heartwarming adorable exciting relaxing inspired pleasant comfortable impressive
honest strong generous gratifying vibrant rewarding fabulous encouraging cheerful fascinating
admirable rich heroic fantastic sophisticated remarkable excellent wonderful perfect charming
brilliant lovely delightful amazing splendid magnificent beautiful marvelous gorgeous heavenly
outstanding great awesome superb glorious
"""
POSITIVE = tuple(_POSITIVE.split())
_NEGATIVE = """
vague ineffective awkward gloomy noisy weird risky strange empty confusing foolish feeble
obsolete questionable bizarre odd faulty boring doubtful unimpressive tense dreary appalling
messy suspicious ridiculous exhausting difficult unstable dubious careless depressing
uncomfortable shocking distressing inferior inadequate misleading annoying dull unhappy bitter
useless dreadful worthless painful frustrating tired harsh weak damaged defective problematic
awful tragic hopeless forced irritating poor flawed fake sad terrible unfair ruined broken
unpleasant catastrophic chaotic miserable pitiful frightening scary wasted disappointing ugly
stressful disturbing disgusting horrid joyless troubling lousy horrible bad pathetic grim
disastrous dismal horrific
"""
NEGATIVE = tuple(_NEGATIVE.split())
_SUBJECTS = """
movie film series documentary episode trailer sequel podcast album concert camera phone
laptop tablet headset keyboard printer speaker blender jacket backpack bicycle
"""
SUBJECTS = tuple(_SUBJECTS.split())
TEMPLATES = {
    1: (
        "i tried the {subject} last week and for me it was {0}",
        "we talked about the {subject} at home and it seemed {0} to us",
        "so after two days with this {subject} i think it is {0}",
        "in the end the {subject} turned out to be rather {0}",
    ),
    2: (
        "the {subject} was {0} at the start and {1} at the end",
        "my first look at the {subject} was {0} and then it became {1}",
        "for a {subject} at this price it is {0} and also {1}",
        "i bought the {subject} in may and it is {0} and {1}",
    ),
    3: (
        "the {subject} was {0} at the start then {1} and {2} after that",
        "people say the {subject} is {0} and i say {1} and {2}",
        "this {subject} looks {0} and sounds {1} and in all is {2}",
        "what a day with this {subject} it was {0} and {1} and {2}",
    ),
}
"""Number of adjectives to sentences of 11 to 13 words."""


class Sentences(NamedTuple):
    """Generated transcripts.

    Attributes:
        texts: one sentence an utterance.
        valence: (N,) mean valence of the adjectives of each sentence.
    """

    texts: list[str]
    valence: NDArray[np.float64]


def draw_sentences(rng: Generator, count: int) -> Sentences:
    """Draw ``count`` sentences with one to three adjectives, all of one sign each.

    One sign, because adjectives that cancel would leave most sentences near neutral.

    Raises:
        MissingExtraError: if the package ``vaderSentiment`` is not installed.
    """
    lexicon = vader_lexicon()
    texts, valence = [], np.empty(count)
    for row in range(count):
        words = POSITIVE if rng.random() < 0.5 else NEGATIVE
        templates = TEMPLATES[int(rng.integers(1, 4))]
        template = templates[rng.integers(len(templates))]
        subject = SUBJECTS[rng.integers(len(SUBJECTS))]
        chosen = [words[i] for i in rng.choice(len(words), 3, replace=False)]
        chosen = chosen[: template.count("{") - 1]
        texts.append(template.format(*chosen, subject=subject))
        valence[row] = np.mean([lexicon[word] for word in chosen])
    return Sentences(texts, valence)


@lru_cache(maxsize=1)
def vader_lexicon() -> dict[str, float]:
    """Read word to valence, -4 … 4, from the installed package ``vaderSentiment``.

    The package is not imported: its lexicon is all that is needed, and its import pulls in an
    HTTP client.

    Raises:
        MissingExtraError: if the package is not installed.
    """
    spec = find_spec("vaderSentiment")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "The synthetic data need the word list of the package 'vaderSentiment', which is not "
            'installed. Run: python -m pip install "pgf-plugin[quickstart]"',
            name="vaderSentiment",
        )
    path = Path(next(iter(spec.submodule_search_locations)), "vader_lexicon.txt")
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line)
    return {row[0]: float(row[1]) for row in rows}
