"""Plain tables: CSV, JSON lines and Parquet."""

import json
import warnings
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from table_files import ROWS, SUFFIXES, write_table

from pgf_plugin.datasets.formats import read_table
from pgf_plugin.errors import ConfigError, DataError


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows(tmp_path, suffix):
    table = read_table(write_table(tmp_path / f"data{suffix}", ROWS))
    assert table.ids == ["a", "b", "007", "d"]
    assert table.texts == [row["text"] for row in ROWS]
    assert table.labels.tolist() == [[1.5], [-2.0], [0.0], [3.0]]
    assert table.labels.dtype == np.float32
    assert table.splits["split"].tolist() == ["train", "train", "valid", "test"]
    assert table.sequences == {}
    assert table.info == {"format": "table", "label_range": [-3.0, 3.0]}


def test_columns_named_by_the_user(tmp_path):
    rows = [
        {"key": r["id"], "words": r["text"], "y1": r["label"], "y2": n, "fold_a": "train",
         "fold_b": r["split"], "mfcc_0": 1.0, "mfcc_1": 2.0, "bert": [0.5]}
        for n, r in enumerate(ROWS)
    ]  # fmt: skip
    path = write_table(tmp_path / "data.jsonl", rows)
    table = read_table(
        path,
        id_column="key",
        text_column="words",
        label_column=["y1", "y2"],
        split_column=["fold_a", "fold_b"],
        audio_column="mfcc",
        text_features_column="bert",
    )
    assert table.ids[2] == "007"
    assert table.texts[0] == "good, really"
    assert table.labels.tolist() == [[1.5, 0], [-2, 1], [0, 2], [3, 3]]
    assert sorted(table.splits) == ["fold_a", "fold_b"]
    assert table.sequences["audio"].values.tolist() == [[1.0, 2.0]] * 4
    assert table.sequences["text"].width == 1
    for option in ("id_column", "label_column", "split_column", "audio_column"):
        with pytest.raises(ValueError, match=f"{option}.*Did you mean 'words'"):
            read_table(path, **{option: "word"})


def test_label_file_of_mmsa(tmp_path):
    """``label.csv``: video and clip make the id, ``mode`` is the split, three further labels."""
    (tmp_path / "label.csv").write_text(
        "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode\n"
        "video_0001,0001,\u6211\u4e0d\u60f3,-0.6,-0.8,-0.4,,Negative,train\n"
        "video_0001,0002,\u597d,0.4,0,0.2,1.0,Positive,test\n",
        encoding="utf-8",
    )
    table = read_table(tmp_path / "label.csv")
    assert table.ids == ["video_0001$_$0001", "video_0001$_$0002"]
    assert table.splits["mode"].tolist() == ["train", "test"]
    assert table.extra_labels["text"].ravel().tolist() == pytest.approx([-0.8, 0.0])
    assert np.isnan(table.extra_labels["vision"]).ravel().tolist() == [True, False]
    assert table.info["label_range"] == [-1.0, 1.0]


def test_one_file_a_split(tmp_path):
    for name, suffix in (("train", ".csv"), ("dev", ".jsonl"), ("test", ".parquet")):
        write_table(tmp_path / f"{name}{suffix}", [{**row, "audio": [1.0]} for row in ROWS])
    table = read_table(tmp_path)
    assert table.splits["split"].tolist() == ["train"] * 4 + ["dev"] * 4 + ["test"] * 4
    assert table.sequences["audio"].values.tolist() == [[1.0]] * 12
    write_table(tmp_path / "test.parquet", ROWS)
    with pytest.raises(DataError, match=r"test.parquet has features of \[\], but .*\['audio'\]"):
        read_table(tmp_path)
    write_table(tmp_path / "test.csv", ROWS)
    with pytest.raises(DataError, match=r"holds \['test.csv', 'test.parquet'\], which are one"):
        read_table(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encodings_and_separators(tmp_path, encoding, separator):
    path = tmp_path / "data.csv"
    lines = [["id", "text", "label", "split"], ["a", "\u4f60\u597d", "0.5", " Train "]]
    path.write_text("\r\n".join(map(separator.join, lines)), encoding=encoding, newline="")
    if encoding == "gb18030":
        with pytest.raises(DataError, match=r"not encoded as utf-8 .*set encoding to"):
            read_table(path)
    table = read_table(path, encoding="gb18030" if encoding == "gb18030" else None)
    assert (table.texts, table.splits["split"].tolist()) == (["你好"], ["train"])


def test_parquet_is_told_by_its_content(tmp_path):
    path = write_table(tmp_path / "data.parquet", ROWS).rename(tmp_path / "data.bin")
    assert read_table(path).ids == ["a", "b", "007", "d"]


def test_without_ids_or_splits(tmp_path):
    rows = [{"text": row["text"], "label": row["label"]} for row in ROWS]
    path = write_table(tmp_path / "data.csv", rows)
    with pytest.raises(DataError, match=r"no column of splits among \['text', 'label'\]"):
        read_table(path)
    table = read_table(path, split="test")
    assert table.ids == ["data:1", "data:2", "data:3", "data:4"]
    assert set(table.splits["split"]) == {"test"}
    assert "numbered" in table.info["notes"][0]


def test_labels_that_are_missing(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("id,text,label,split\na,x,1,train\nb,y,,train\nc,z,NaN,train\n")
    with pytest.raises(DataError, match="2 labels are missing, first in row 2 of label"):
        read_table(path)
    labels = read_table(path, unlabelled="keep").labels.ravel()
    assert np.isnan(labels).tolist() == [False, True, True]
    path.write_text("id,text,split\na,x,train\n")
    with pytest.raises(DataError, match=r"no column of labels .*unlabelled='keep'"):
        read_table(path)
    assert np.isnan(read_table(path, unlabelled="keep").labels).all()


CSV = {
    "decimal comma": ("id;text;label;split\na;x;1,5;train\n", "line 2: label '1,5'.*decimal comma"),
    "decimal comma unquoted": ("id,text,label,split\na,x,1,5,train\n", "line 2: 5 fields, .*has 4"),
    "no number": ("id,text,label,split\na,x,good,train\n", "line 2: label 'good' is no number"),
    "grouped": ("id,text,label,split\na,x,1_000,train\n", "'1_000' is no number"),
    "too few": ('id,text,label,split\na,"x\ny",1,train\nb\n', "line 4: 1 fields"),
    "open quote": ('id,text,label,split\na,"x,1,train\n', "line 2: unexpected end"),
    "header twice": ("id,text,text,label\n", r"\['text'\] occur more than once"),
    "header alone": ("id,text,label,split\n", "holds no row"),
    "nothing known": ("a,b,c\n1,2,3\n", "no column of labels"),
    "no text": ("id,label,split\na,1,train\n", "no column of texts or features"),
    "a gap": ("id,label,split,audio_0,audio_2\na,1,train,1,2\n", r"lack \[1\]"),
    "not from the first": ("id,label,split,audio_3\na,1,train,1\n", r"lack \[0, 1, 2\]"),
    "ragged list": (
        'id,label,split,audio\na,1,train,"[[1],[1,2]]"\n',
        "row 1: audio must be a list",
    ),
    "bad list": ('id,label,split,audio\na,1,train,"[1, 2"\n', "row 1: audio is no list"),
    "widths": ('id,label,split,audio\na,1,train,[1]\nb,1,train,"[1,2]"\n', r"a step: \[1, 2\]"),
}


@pytest.mark.parametrize("name", CSV)
def test_malformed_csv_is_named(tmp_path, name):
    content, message = CSV[name]
    path = tmp_path / "data.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=rf"data\.csv.*{message}"):
        read_table(path)


JSON = {
    "no JSON": ('{"id": 1}\n{"id"\n', "line 2: no JSON"),
    "no object": ('{"id": 1}\n\n[1]\n', "row 3: found a list, expected an object"),
    "nested without end": ("[" * 100_000, "no JSON"),
    "label": (
        '{"id": 1, "text": "a", "label": ["x"], "split": "a"}',
        r"row 1: label 'x' is no number",
    ),
    "text": (
        '{"id": 1, "text": "a", "label": "1,5", "split": "a"}',
        "row 1: label .*decimal comma",
    ),
    "feature": (
        '{"text": "a", "label": 1, "split": "a", "audio": 5}',
        "row 1: audio must be a list",
    ),
    "encoding": (b"\xff\xfe\x00", "not encoded as utf-16"),
}


@pytest.mark.parametrize("name", JSON)
def test_malformed_json_is_named(tmp_path, name):
    content, message = JSON[name]
    path = tmp_path / "data.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=rf"data\.jsonl.*{message}"):
        read_table(path)


def test_numbers_beyond_float32_are_read_as_infinite(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("id,text,label,split,audio_0\na,x,1e300,train,-1e300\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = read_table(path)
    assert (table.labels[0, 0], table.sequences["audio"][0][0, 0]) == (np.inf, -np.inf)


def parquet(path, **columns):
    rows = {"id": ["a", "b"], "label": [1.0, 2.0], "split": ["train", "test"], **columns}
    pq.write_table(pa.table(rows), path)
    return path


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.float16(), 2)]
)
def test_parquet_lists_of_any_type(tmp_path, kind):
    values = np.array([[1, 2], [3, 4]], np.float16)
    path = parquet(tmp_path / "data.parquet", audio=pa.array(list(values), kind))
    assert read_table(path).sequences["audio"].values.tolist() == [[1, 2], [3, 4]]


def test_parquet_that_does_not_fit(tmp_path):
    path = tmp_path / "data.parquet"
    for columns, message in (
        ({"audio": [[1.0], [1.0, 2.0]]}, r"different numbers of features a step: \[1, 2\]"),
        ({"audio": [[[1.0]], [[1.0, 2.0]]]}, r"different numbers of features a step: \[1, 2\]"),
        ({"text": ["a", "b"], "label": ["1", "b"]}, "row 2: label 'b' is no number"),
        ({"text": ["a", "b"], "label": [[1.0], [2.0, 3.0]]}, "row 2: label is a list of 2"),
    ):
        with pytest.raises(DataError, match=message):
            read_table(parquet(path, **columns))
    whole = path.read_bytes()
    for end in np.linspace(1, len(whole) - 1, 15).astype(int):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"data\.parquet"):
            read_table(path)


@pytest.mark.parametrize(
    "labels",
    [
        pa.array(["1", "2"]),
        pa.array([b"1", b"2.0"]),
        pa.array([Decimal(1), Decimal(2)]),
        pa.array(["1", "2"]).dictionary_encode(),
    ],
    ids=lambda labels: str(labels.type).split("<")[0],
)
@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.list_(pa.large_string(), 2)])
def test_parquet_is_read_as_json_is(tmp_path, labels, kind):
    words = pa.array([["very", "good"], ["no", "good"]], kind)
    table = read_table(parquet(tmp_path / "data.parquet", text=words, label=labels))
    assert table.texts == ["very good", "no good"]
    assert table.labels.tolist() == [[1], [2]]


def test_parquet_of_two_columns_of_one_name(tmp_path):
    rows = [pa.array(["a"]), pa.array([1.0]), pa.array([2.0])]
    pq.write_table(pa.table(rows, names=["text", "label", "label"]), tmp_path / "data.parquet")
    with pytest.raises(DataError, match=r"data.parquet: the columns \['label'\] occur more than"):
        read_table(tmp_path / "data.parquet", split="train")


def one_text(kind):
    texts = pa.DictionaryArray.from_arrays(
        np.zeros(1_000_000, np.int32), pa.array(["a" * 100_000], kind)
    )
    return {"text": texts, "label": np.zeros(1_000_000)}


BOMBS = {
    "one number": lambda: {"label": np.zeros(40_000_000, np.float32)},
    "nothing": lambda: {"label": pa.nulls(40_000_000, pa.float32())},
    "one list": lambda: {"label": [1.0], "audio": [np.zeros(40_000_000, np.float32)]},
    "one long text": lambda: one_text(pa.string()),
    "one long text of another type": lambda: one_text(pa.large_string()),
    "one long word": lambda: {
        "text": pa.ListArray.from_arrays(
            np.arange(1_000_001, dtype=np.int32), one_text(pa.string())["text"]
        ),
        "label": np.zeros(1_000_000),
    },
    "one long label": lambda: {**one_text(pa.string()), "label": one_text(pa.string())["text"]},
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("schema", [True, False])
def test_parquet_bombs(tmp_path, name, schema):
    """What is always the same compresses to nothing, and would expand to gigabytes."""
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table(BOMBS[name]()), path, store_schema=schema)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="claims to hold"):
        read_table(path, split="train")


EXCEL = {
    "columns without names": "id,text,label,split,,\na,x,1,train,,\nb,y,2,test, ,\n",
    "the separator": "sep=;\r\nid;text;label;split\r\na;x;1;train\r\nb;y;2;test\r\n",
    "rows of nothing": "id,text,label,split\na,x,1,train\nb,y,2,test\n,,,\n,,,\n",
    "the separator in quotes": '"sep=|"\nid|text|label|split\na|x|1|train\nb|y|2|test\n',
    "empty lines": "\n\r\nid;text;label;split\na;x;1;train\nb;y;2;test\n",
    "empty cells": ";;;\n\nid;text;label;split\na;x;1;train\nb;y;2;test\n",
    "rows with numbers": ",id,text,label,split\n0,a,x,1,train\n1,b,y,2,test\n",
}


@pytest.mark.parametrize("name", EXCEL)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_spreadsheets_write(tmp_path, name, encoding):
    path = tmp_path / "data.csv"
    path.write_text(EXCEL[name], encoding=encoding, newline="")
    table = read_table(path)
    assert (table.ids, table.texts) == (["a", "b"], ["x", "y"])
    assert table.labels.ravel().tolist() == [1.0, 2.0]


def test_lines_are_counted_from_the_first(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("sep=;\n\nid;text;label;split;\na;x;?;train;\n")
    with pytest.raises(DataError, match=r"line 4: label '\?' is no number"):
        read_table(path)
    path.write_text("id,label,split,text,\na,1,train,well, yes\n")
    with pytest.raises(DataError, match=r"line 2: \[' yes'\] stands in columns that .*no names"):
        read_table(path)


SEGMENTS = (
    "id\ttext\tlabel\tsplit\n"
    'a\t"I never saw it\t1\ttrain\n'
    'b\tand I never will"\t2\ttrain\n'
    "c\tit's 5\" tall\t3\ttest\n"
)


def test_quotation_marks_over_several_rows(tmp_path):
    """Read as quoted, the first two rows would be one, with the text of one and another's label."""
    path = tmp_path / "data.tsv"
    path.write_text(SEGMENTS)
    with pytest.raises(DataError, match=r"line 3: a cell in quotation marks .*set quotes=False"):
        read_table(path)
    table = read_table(path, quotes=False)
    assert table.texts == ['"I never saw it', 'and I never will"', "it's 5\" tall"]
    assert table.labels.ravel().tolist() == [1, 2, 3]
    path.write_text('id\ttext\tlabel\tsplit\na\t"good" they said\t1\ttrain\n')
    with pytest.raises(DataError, match=r"line 2: .*expected after .*set quotes=False"):
        read_table(path)


SWALLOWED = {
    "text last": 'id,label,split,text\na,1,train,"oh\nb,2,train,no\nc,3,test,yes"\nd,1,test,x\n',
    "text within": 'id;text;label;split\na;"oh;1;train\nb;no;2;train\nc;yes";3;test\n',
    "two rows": 'id,text,label,split\r\na,"oh,1,train\r\nb,no",2,test\r\n',
}


@pytest.mark.parametrize("name", SWALLOWED)
def test_stray_quotation_marks_do_not_swallow_rows(tmp_path, name):
    path = tmp_path / "data.csv"
    path.write_text(SWALLOWED[name], newline="")
    with pytest.raises(DataError, match=r"line \d: .* from line 2 on, .*set quotes=False .*twice"):
        read_table(path)
    assert len(read_table(path, quotes=False)) == SWALLOWED[name].count("\n") - 1


@pytest.mark.parametrize(
    "text", ["a\nb", "a\nwell, yes, no, never", "a,b,c\nd", "[[1, 2],\n[3, 4]]", "x\n\n1,2,3\n"]
)
@pytest.mark.parametrize("last", [True, False])
def test_texts_over_several_lines(tmp_path, text, last):
    rows = [{**row, "text": text} for row in ROWS]
    if last:
        rows = [{**row, "text": row.pop("text")} for row in rows]
    assert read_table(write_table(tmp_path / "data.csv", rows)).texts == [text] * 4


def test_columns_that_are_named_by_numbers(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("0,1,2,3\na,good,1,train\n")
    table = read_table(path, id_column=0, text_column=1, label_column=2, split_column="3")
    assert (table.ids, table.texts) == (["a"], ["good"])
    with pytest.raises(ConfigError, match=r"id_column must be .* got 0\.5"):
        read_table(path, id_column=0.5)


def test_options_of_another_type(tmp_path):
    path = write_table(tmp_path / "data.csv", ROWS)
    for options, message in (
        ({"encoding": 5}, "encoding must be a string that is not empty, got 5"),
        ({"split": 1}, "split must be a string that is not empty, got 1"),
        ({"quotes": "false"}, "quotes must be True or False, got 'false'"),
        ({"paths_anywhere": "false"}, "paths_anywhere must be True or False, got 'false'"),
    ):
        with pytest.raises(ValueError, match=message):
            read_table(path, **options)


def test_commas_in_a_file_of_tabs(tmp_path):
    path = write_table(tmp_path / "data.csv", ROWS).rename(tmp_path / "data.tsv")
    with pytest.raises(DataError, match=r"\['id,text,label,split'\]: .*: set separator=','"):
        read_table(path)
    assert len(read_table(path, separator=",")) == 4


@pytest.mark.parametrize("separator", ["tab", "\t"])
def test_a_separator_by_its_name(tmp_path, separator):
    path = tmp_path / "data.txt"
    path.write_text("id,a,b,c\ttext\tlabel\tsplit\na\tgood\t1\ttrain\n")
    with pytest.raises(DataError, match="no column of labels"):
        read_table(path, format="table", id_column="id", separator=",")
    assert read_table(path, format="table", separator=separator, id_column="id,a,b,c").ids == ["a"]
    for wrong in ("", "ab", (",",)):
        with pytest.raises(ConfigError, match="separator must be one sign, or 'tab', got"):
            read_table(path, format="table", separator=wrong)


@pytest.mark.parametrize("content", [{"id": {"0": "a"}, "label": {"0": 1}}, {"train": [{"id": 1}]}])
def test_objects_that_hold_columns_or_splits(tmp_path, content):
    path = tmp_path / "data.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"expected a list of objects, .*orient='records'"):
        read_table(path)


@pytest.mark.parametrize(("written", "named"), [(".jsonl", ".json"), (".json", ".jsonl")])
@pytest.mark.parametrize("indent", [None, 1])
def test_json_is_told_by_its_content(tmp_path, written, named, indent):
    path = write_table(tmp_path / f"data{written}", ROWS).rename(tmp_path / f"data{named}")
    if written == ".json":
        path.write_text(json.dumps(ROWS, indent=indent))
    assert read_table(path).texts == [row["text"] for row in ROWS]
    path.write_text(json.dumps(ROWS[0]))
    assert read_table(path).ids == ["a"]


def test_json_in_another_encoding(tmp_path):
    path = tmp_path / "data.jsonl"
    row = {"id": "a", "text": "你好", "label": 1, "split": "train"}
    path.write_text(json.dumps(row, ensure_ascii=False), encoding="gb18030")
    with pytest.raises(DataError, match=r"not encoded as utf-8 .*set encoding to"):
        read_table(path)
    assert read_table(path, encoding="gb18030").texts == ["你好"]
