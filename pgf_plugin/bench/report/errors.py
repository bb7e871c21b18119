"""The utterances on which a row is furthest off, with their text."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.predictions import load_predictions
from pgf_plugin.bench.report.contents import Contents

TEXT_LENGTH = 400
"""Characters of a text that are shown."""


class WorstError(NamedTuple):
    """One utterance.

    Attributes:
        row: whose error it is.
        id, text, label: of the utterance.
        predictions: one a seed.
        error: absolute error, the mean over the seeds.
    """

    row: Row
    id: str
    text: str
    label: float
    predictions: list[float]
    error: float


def worst_errors(contents: Contents) -> Iterator[WorstError]:
    """The largest absolute errors of each row, averaged over its seeds.

    Rows without predictions, and those whose predictions are scores of classes, have none.
    """
    rows = len(contents.finished)
    count = 10 if rows <= 20 else 5 if rows <= 60 else 3  # so that large benches stay small
    for row in contents.finished:
        frames = [load_predictions(t.folder(contents.work_dir)) for t in contents.trials(row)]
        usable = [scores for frame in frames if (scores := _scores(frame)) is not None]
        if usable:
            yield from _worst(row, usable, count)


def _scores(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    """The predictions as numbers, by id; None where an utterance has no single number."""
    if frame is None:
        return None
    columns = frame.reindex(columns=["id", "text", "label", "prediction"])
    try:
        numbers = columns.astype({"label": float, "prediction": float})
    except (TypeError, ValueError):
        return None
    kept = numbers[np.isfinite(numbers["label"]) & np.isfinite(numbers["prediction"])]
    return kept.drop_duplicates("id").set_index("id")


def _worst(row: Row, frames: list[pd.DataFrame], count: int) -> Iterator[WorstError]:
    first = frames[0]
    predictions = pd.concat([frame["prediction"] for frame in frames], axis=1).loc[first.index]
    errors = predictions.sub(first["label"], axis=0).abs().mean(axis=1)
    for name, error in errors.nlargest(count).items():
        text = first.at[name, "text"]
        yield WorstError(
            row,
            str(name),
            text if isinstance(text, str) else "",
            float(first.at[name, "label"]),
            predictions.loc[name].dropna().tolist(),
            float(error),
        )
