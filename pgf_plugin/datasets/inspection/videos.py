"""From which video an utterance is, told by its id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

CLIP_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("video$_$clip", re.compile(r"(.+)\$_\$.+")),
    ("video[clip]", re.compile(r"(.+)\[\d+\]")),
    ("video/clip", re.compile(r"(.+)/[^/]+")),
    ("video_clip", re.compile(r"(.+)_\d+")),
)
"""Forms of ids: MMSA's, the CMU SDK's and MISA's, and two of own tables."""

FORM_SHARE = 0.95
"""So many of the ids must have a form before it is taken as theirs."""


@dataclass(frozen=True)
class Videos:
    """Video of each utterance.

    Attributes:
        form: name of the form of the ids.
        of: (N,) names; the id itself where it has another form.
    """

    form: str
    of: list[str]


def find_videos(ids: Sequence[str]) -> Videos | None:
    """Tell the video of each utterance from the form of the ids.

    Returns:
        None where the ids have no known form, or name a single video, as ``clip_7`` does.
    """
    for form, pattern in CLIP_FORMS:
        matches = [pattern.fullmatch(each) for each in ids]
        if ids and sum(match is not None for match in matches) >= FORM_SHARE * len(ids):
            of = [match[1] if match else each for match, each in zip(matches, ids, strict=True)]
            return Videos(form, of) if 1 < len(set(of)) < len(of) else None
    return None
