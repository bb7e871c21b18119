"""Small plain tables of utterances, in every kind of file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

ROWS = [
    {"id": "a", "text": "good, really", "label": 1.5, "split": "train"},
    {"id": "b", "text": 'it "works"', "label": -2.0, "split": "train"},
    {"id": "007", "text": "NA", "label": 0.0, "split": "valid"},
    {"id": "d", "text": "two\nlines", "label": 3.0, "split": "test"},
]
SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet")


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write ``rows`` as the suffix of ``path`` says; lists in a CSV file are written as JSON."""
    frame = pd.DataFrame(rows)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(list(rows)), encoding="utf-8")
    else:
        cells = frame.map(lambda cell: json.dumps(cell) if isinstance(cell, list) else cell)
        cells.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path
