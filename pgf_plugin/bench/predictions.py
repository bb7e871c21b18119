"""What a trial predicted for each utterance of the test set, as one Parquet file."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from mmengine.hooks import Hook
from mmengine.runner import Runner

from pgf_plugin.encodable import encodable
from pgf_plugin.frames import save_parquet

PREDICTIONS_FILE = "predictions.parquet"


class PredictionsHook(Hook):
    """Keeps the predictions of a test, for paired comparisons and for a look at the worst errors.

    Attributes:
        columns: ``id``, ``text``, ``label`` and ``prediction`` of each utterance so far; the last
            two are lists of n_out numbers where there is more than one.
    """

    def __init__(self) -> None:
        self.columns: dict[str, list] = {}

    def before_test_epoch(self, runner: Runner) -> None:
        """Begin anew."""
        self.columns = {"id": [], "text": [], "label": [], "prediction": []}

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs: Sequence | None = None
    ) -> None:
        """Keep a batch."""
        for sample in outputs or ():
            self.columns["id"].append(encodable(str(sample.get("sample_id", ""))))
            self.columns["text"].append(encodable(str(sample.get("raw_text", ""))))
            for name in ("label", "prediction"):
                values = sample.get(name)
                self.columns[name].append(None if values is None else _plain(values.tolist()))

    def save(self, folder: Path) -> None:
        """Write ``predictions.parquet``, whole or not at all."""
        save_parquet(pd.DataFrame(self.columns), folder / PREDICTIONS_FILE)


def load_predictions(folder: Path) -> pd.DataFrame | None:
    """Read the predictions of the trial in ``folder``.

    Returns:
        a frame of ``id``, ``text``, ``label``, ``prediction``, (N, 4); None where the trial left
        none that can be read.
    """
    try:
        frame = pd.read_parquet(folder / PREDICTIONS_FILE)
    except (OSError, ValueError):  # absent, or cut off
        return None
    return frame if {"id", "label", "prediction"} <= set(frame) else None


def utterance_names(frame: pd.DataFrame) -> pd.Series:
    """What tells the utterances apart: their ids, or their places where ids are not unique."""
    ids = frame["id"].astype(str)
    return ids if ids.is_unique else frame.index.to_series().astype(str)


def absolute_errors(frame: pd.DataFrame, bound: float = math.inf) -> np.ndarray:
    """Absolute error of each utterance, (N,) float64, the mean over the outputs of a head.

    Args:
        frame: of ``prediction`` and ``label``.
        bound: both are clipped to ``[-bound, bound]``.
    """
    clipped = [np.clip(np.stack(frame[key]), -bound, bound) for key in ("prediction", "label")]
    difference = np.subtract(*clipped)
    return np.abs(difference).reshape(len(frame), -1).mean(1)


def _plain(values: list[float]) -> float | list[float]:
    return values[0] if len(values) == 1 else values
