"""The results of a bench as one table: ``results.parquet``, one row a trial."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from pgf_plugin.bench.result import TrialResult
from pgf_plugin.encodable import encodable
from pgf_plugin.frames import save_parquet

FRAME_FILE = "results.parquet"
_FIRST = ("dataset", "model", "setting", "seed", "status")
_NESTED = ("metrics", "data", "data_files", "environment", "corrupted")
_OF_DATA = ("dataset", "source", "num_samples", "synthetic", "planted", "note")


def results_frame(results: Sequence[TrialResult]) -> pd.DataFrame:
    """Return results as a frame, one row a trial.

    Columns are the fields of :class:`~pgf_plugin.bench.result.TrialResult`; of what is nested,
    ``metric/MAE``, … (test metrics, fractions), ``data/source``, ``data/sha256``, …, and
    ``env/python``, ``env/torch``, ``env/device``, ``env/commit``, …. ``learning_curve`` is a list.
    A trial that failed has no metrics.
    """
    frame = pd.DataFrame([_row(result) for result in results])
    return frame[[*_FIRST, *(name for name in frame if name not in _FIRST)]]


def write_frame(results: Sequence[TrialResult], folder: Path) -> Path:
    """Write ``results.parquet`` to ``folder``, whole or not at all, and return its path."""
    save_parquet(results_frame(results), folder / FRAME_FILE)
    return folder / FRAME_FILE


def _row(result: TrialResult) -> dict[str, Any]:
    fields = asdict(result)
    plain = {name: value for name, value in fields.items() if name not in _NESTED}
    environment = dict(result.environment)
    packages = environment.pop("packages", {})
    data = {name: result.data[name] for name in _OF_DATA if name in result.data}
    hashes = ", ".join(str(file["sha256"]) for file in result.data_files)
    row = {
        **plain,
        **{f"metric/{name}": value for name, value in result.metrics.items()},
        **{f"data/{name}": _plain(value) for name, value in data.items()},
        "data/files": ", ".join(str(file["name"]) for file in result.data_files) or None,
        "data/sha256": hashes or None,
        **{f"env/{name}": value for name, value in (environment | packages).items()},
    }
    return {name: encodable(v) if isinstance(v, str) else v for name, v in row.items()}


def _plain(value: Any) -> Any:
    """What a column can hold; what a foreign dataset says may be anything."""
    return value if value is None or isinstance(value, str | int | float) else str(value)
