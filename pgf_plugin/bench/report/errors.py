"""The utterances on which a row is furthest off, with their text."""

import heapq
import math
import statistics
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.predictions import load_predictions, utterance_names
from pgf_plugin.bench.report.contents import Contents

TEXT_LENGTH = 400
"""Characters of a text that are shown."""


class WorstError(NamedTuple):
    """One utterance.

    Attributes:
        row: whose error it is.
        id, text, label: of the utterance; its place in the test set where it has no id.
        predictions: one a seed.
        error: absolute error, the mean over the seeds.
    """

    row: Row
    id: str
    text: str
    label: float
    predictions: list[float]
    error: float


class _Score(NamedTuple):
    id: str
    text: object
    label: float
    prediction: float


def worst_errors(contents: Contents) -> Iterator[WorstError]:
    """The largest absolute errors of each row, averaged over its seeds.

    Rows without predictions, and those whose predictions are scores of classes, have none.
    """
    rows = len(contents.finished)
    count = 10 if rows <= 20 else 5 if rows <= 60 else 3  # so that large benches stay small
    for row in contents.finished:
        frames = (load_predictions(t.folder(contents.work_dir)) for t in contents.trials(row))
        seeds = [scores for frame in frames if (scores := _scores(frame))]
        if seeds:
            yield from _worst(row, seeds, count)


def _scores(frame: pd.DataFrame | None) -> dict[str, _Score]:
    """The utterances by id, or by place where ids are not unique; none without a number each."""
    if frame is None:
        return {}
    try:
        numbers = np.array([frame["label"], frame["prediction"]], dtype=float)  # (2, N)
    except (TypeError, ValueError):
        return {}
    texts = frame["text"] if "text" in frame else [""] * len(frame)
    ids = frame["id"].astype(str)
    scores = zip(utterance_names(frame), ids, texts, *numbers.tolist(), strict=True)
    return {
        name: _Score(own, text, *pair)
        for name, own, text, *pair in scores
        if all(map(math.isfinite, pair))
    }


def _worst(row: Row, seeds: list[dict[str, _Score]], count: int) -> Iterator[WorstError]:
    errors = {
        name: statistics.fmean(abs(s[name].prediction - s[name].label) for s in seeds if name in s)
        for name in seeds[0]
    }
    for name in heapq.nlargest(count, errors, key=errors.__getitem__):
        first = seeds[0][name]
        text = first.text if isinstance(first.text, str) else ""
        predictions = [scores[name].prediction for scores in seeds if name in scores]
        yield WorstError(row, first.id or name, text, first.label, predictions, errors[name])
