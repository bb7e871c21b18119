"""What a table must be to become a store: one error lists all that is wrong."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.store.arrays import Written
from pgf_plugin.errors import DataError, check_one_of

Allowance = Literal["empty-text", "missing-labels"]
ALLOWANCES: tuple[Allowance, ...] = ("empty-text", "missing-labels")


def check_table(table: FeatureTable, allow: Collection[Allowance]) -> None:
    """Check everything but the features.

    Raises:
        ValueError: for something unknown in ``allow``.
        DataError: if there is no utterance, ids repeat, a label is infinite, or, unless allowed,
            texts are empty where others are not, or labels are missing.
    """
    for name in allow:
        check_one_of("allow", name, ALLOWANCES)
    problems = [_repeated(table), _infinite(table)]
    if "empty-text" not in allow:
        problems.append(_empty(table))
    if "missing-labels" not in allow:
        problems.append(_unlabelled(table))
    if not len(table):
        problems.append("it has no utterance")
    _raise(table, [problem for problem in problems if problem])


def check_finite(table: FeatureTable, written: Mapping[str, Written]) -> None:
    """Raise DataError if a modality held NaN or inf, naming modality, count and first utterance."""
    problems = [
        f"{name} holds {each.nonfinite} values of NaN or inf, first in "
        f"{table.ids[each.first_nonfinite]!r}"
        for name, each in written.items()
        if each.first_nonfinite is not None
    ]
    advice = (
        "correct the file, or convert with --nonfinite zero (they are written as zeros) or drop "
        "(the steps that hold them are left out)"
    )
    _raise(table, [*problems, advice] if problems else [])


def check_aligned(table: FeatureTable, written: Mapping[str, Written]) -> None:
    """Raise DataError if steps were dropped of one of several modalities that go step by step."""
    before = {name: each.lengths for name, each in table.sequences.items()}
    problems = [
        f"{name} has the same number of steps as {other} in every utterance: leaving out those of "
        f"{name} alone would shift it against {other}. Convert with --nonfinite zero"
        for name, each in written.items()
        for other in before
        if each.nonfinite and name != other and _same_steps(before[name], before[other])
    ]
    _raise(table, problems)


def _same_steps(lengths: NDArray, others: NDArray) -> bool:
    return bool((lengths == others).all() and (lengths > 1).any())


def _repeated(table: FeatureTable) -> str | None:
    repeated = [(name, count) for name, count in Counter(table.ids).items() if count > 1]
    if not repeated:
        return None
    name, count = repeated[0]
    return f"{len(repeated)} ids repeat, first {name!r}, which {count} utterances have"


def _infinite(table: FeatureTable) -> str | None:
    rows = [
        row
        for labels in (table.labels, *table.extra_labels.values())
        for row in np.flatnonzero(np.isinf(labels).any(axis=1))
    ]
    return f"{len(rows)} labels are infinite, first of {table.ids[rows[0]]!r}" if rows else None


def _empty(table: FeatureTable) -> str | None:
    rows = [row for row, text in enumerate(table.texts) if not text.strip()]
    if not rows or not any(table.texts):
        return None
    return (
        f"{len(rows)} texts are empty, first of {table.ids[rows[0]]!r}: correct them, or allow "
        "them (--allow empty-text)"
    )


def _unlabelled(table: FeatureTable) -> str | None:
    rows = np.flatnonzero(np.isnan(table.labels).any(axis=1))
    if not len(rows):
        return None
    where = {
        f"{column} {name!r}": int(count)
        for column, values in table.splits.items()
        for name, count in zip(*np.unique(values[rows], return_counts=True), strict=True)
    }
    return (
        f"{len(rows)} utterances have no label, first {table.ids[rows[0]]!r} (by split: {where}): "
        "add them, or allow it (--allow missing-labels)"
    )


def _raise(table: FeatureTable, problems: list[str]) -> None:
    if problems:
        raise DataError(f"{table.source}: {'; '.join(problems)}")
