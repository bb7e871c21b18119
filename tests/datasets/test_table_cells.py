"""Cells of plain tables: what may stand where a text, a number or a list is expected."""

import json

import numpy as np
import pytest
from table_files import ROWS, write_table

from pgf_plugin.datasets.formats import read_table
from pgf_plugin.errors import DataError


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("name", "cell", "expected"),
    [
        ("id", [20001235, 3], "id is a list of 2, where one text or number is needed"),
        ("id", ["v", "1"], "id is a list of 2, where one text or number is needed"),
        ("id", {"video": "v"}, "id is an object, where one text or number is needed"),
        ("text", [1, 2, 3], "text is a list of 3, where a text or its words is needed"),
        ("split", [0], "split is a list of 1, where one text or number is needed"),
        ("label", [1.0, 2.0], "label is a list of 2, where one number is needed"),
    ],
)
def test_lists_that_are_no_features(tmp_path, suffix, name, cell, expected):
    """They were read as float32 first, so that distinct ids became one."""
    path = write_table(tmp_path / f"data{suffix}", [{**row, name: cell} for row in ROWS])
    with pytest.raises(DataError, match=rf"data\{suffix}, row 1: {expected}"):
        read_table(path)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_lists_of_one_label_and_of_words(tmp_path, suffix):
    rows = [{**row, "label": [row["label"]], "text": row["text"].split()} for row in ROWS]
    table = read_table(write_table(tmp_path / f"data{suffix}", rows))
    assert table.labels.tolist() == [[row["label"]] for row in ROWS]
    assert table.texts[1] == 'it "works"'


def test_json_of_columns(tmp_path):
    """``df.to_dict(orient='list')``."""
    path = tmp_path / "data.json"
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    columns["audio"] = [[[1.0, 2.0]] * row for row in range(4)]
    path.write_text(json.dumps(columns))
    table = read_table(path)
    assert table.ids == [row["id"] for row in ROWS]
    assert table.labels.ravel().tolist() == [row["label"] for row in ROWS]
    assert np.array_equal(table.sequences["audio"].lengths, [0, 1, 2, 3])
    path.write_text(json.dumps({**columns, "label": [1.0]}))
    with pytest.raises(DataError, match=r"lists of different lengths, .*'label': 1.*one length"):
        read_table(path)
