"""Cells of plain tables: what may stand where a text, a number or a list is expected."""

import json

import numpy as np
import pytest
from table_files import ROWS, SUFFIXES, write_table

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


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_which_of_two_columns_of_labels_is_read(tmp_path, suffix):
    rows = [{"sentiment": 0.5, "utterance": "x", **row} for row in ROWS]
    path = write_table(tmp_path / f"data{suffix}", rows)
    table = read_table(path)
    assert table.labels.tolist() == [[row["label"]] for row in ROWS]
    assert table.info["notes"] == [
        "the texts are those of text; also there: utterance (text_column chooses)",
        "the labels are those of label; also there: sentiment (label_column chooses)",
    ]
    table = read_table(path, label_column="sentiment", text_column="text")
    assert table.labels.tolist() == [[0.5]] * 4
    assert "notes" not in table.info


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_annotators_are_no_further_labels(tmp_path, suffix):
    rows = [
        {**row, "label_A": None if n < 2 else "anna", "label_V": n, "label_T": "1"}
        for n, row in enumerate(ROWS)
    ]
    table = read_table(write_table(tmp_path / f"data{suffix}", rows))
    assert table.extra_labels["vision"].tolist() == [[0.0], [1.0], [2.0], [3.0]]
    assert table.extra_labels["text"].tolist() == [[1.0]] * 4
    assert sorted(table.extra_labels) == ["text", "vision"]
    assert table.info["notes"] == ["label_A is left out: it holds no labels, but 'anna' in row 3"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_texts_of_windows(tmp_path, suffix):
    path = write_table(tmp_path / f"data{suffix}", ROWS)
    written = path.read_text(encoding="utf-8").replace("good", "“good”")
    path.write_text(written, encoding="cp1252")
    with pytest.raises(DataError, match=r"not encoded as utf-8 .* encoding='cp1252' \(Windows"):
        read_table(path)
    table = read_table(path, encoding="cp1252")
    assert (table.texts[0], "notes" in table.info) == ("“good”, really", False)
    notes = read_table(path, encoding="latin-1").info["notes"]
    assert (
        "control characters in 1 of 4 texts, first in row 1: '\\x93good\\x94, really'" in notes[0]
    )
    assert "set encoding='cp1252'" in notes[0]
