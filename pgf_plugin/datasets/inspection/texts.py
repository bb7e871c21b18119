"""Texts of each split: lengths, examples, and what several splits share."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from pgf_plugin.datasets.features import FeatureTable, IndexArray
from pgf_plugin.datasets.inspection.report import Overlap, TextExample, TextSplit
from pgf_plugin.datasets.inspection.splits import Splits

MAX_EXAMPLES = 5
MAX_TEXT = 300
"""Longer texts are cut where they are shown."""


def describe_texts(table: FeatureTable, splits: Splits) -> dict[str, TextSplit]:
    """Describe the texts of every split; nothing where no utterance has one."""
    if not any(table.texts):
        return {}
    return {name: _describe(table, splits.rows(name)) for name in splits.names}


def normal_form(text: str) -> str:
    """What makes two texts the same: case and white space do not count."""
    return " ".join(text.casefold().split())


def shared_texts(table: FeatureTable, splits: Splits) -> list[Overlap]:
    """Texts that are in several splits, the longest first."""
    forms = [normal_form(text) for text in table.texts]
    return shared(forms, splits, lambda forms: sorted(forms, key=lambda form: (-len(form), form)))


def shared(names: Sequence[str], splits: Splits, order=sorted) -> list[Overlap]:
    """Names that are in several splits, an entry for each such group of splits.

    Args:
        names: (N,) a name of each utterance; an empty one is none.
        splits: how they are divided.
        order: brings a group's names into the order in which the first are shown.
    """
    places: dict[str, set[int]] = defaultdict(set)
    for name, code in zip(names, splits.codes.tolist(), strict=True):
        if name:
            places[name].add(code)
    groups: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for name, codes in places.items():
        if len(codes) > 1:
            groups[tuple(sorted(codes))].append(name)
    return [
        Overlap(
            [splits.names[code] for code in codes],
            len(found),
            [cut_text(name) for name in order(found)[:MAX_EXAMPLES]],
        )
        for codes, found in sorted(groups.items())
    ]


def empty_rows(texts: Iterable[str]) -> list[int]:
    """Rows of texts without anything but white space."""
    return [row for row, text in enumerate(texts) if not text.strip()]


def cut_text(text: str) -> str:
    """``text``, or its beginning where it is too long to be shown."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _describe(table: FeatureTable, rows: IndexArray) -> TextSplit:
    filled = [int(row) for row in rows if table.texts[row].strip()]
    if not filled:
        return TextSplit(len(rows), 0, 0.0, 0, [])
    lengths = np.array([len(table.texts[row]) for row in filled])
    chosen = {"first": 0, "shortest": int(lengths.argmin()), "longest": int(lengths.argmax())}
    return TextSplit(
        len(rows) - len(filled),
        int(lengths.min()),
        float(np.median(lengths)),
        int(lengths.max()),
        [_example(table, why, filled[place]) for why, place in chosen.items()],
    )


def _example(table: FeatureTable, why: str, row: int) -> TextExample:
    label = [float(f"{value:.4g}") if np.isfinite(value) else None for value in table.labels[row]]
    return TextExample(why, table.ids[row], cut_text(table.texts[row]), label)
