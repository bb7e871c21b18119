import gzip
import os
import pickle

import numpy as np
import pytest
from csd_files import synthetic_sequences, write_folder
from mmsa_files import mmsa_content, write_mmsa

from pgf_plugin.datasets.formats import FORMATS, Format, detect_format, load_table, read_table
from pgf_plugin.errors import DataError

VECTORS = np.zeros((2, 3))
MISA = [((np.arange(2), VECTORS, VECTORS, ["a", "b"]), np.zeros((1, 1)), "v[0]")]
SENTENCES = [(("a b", VECTORS, VECTORS), 1.5, f"v[{row}]") for row in range(3)]
MAG = {"train": [((["a", "b"], VECTORS, VECTORS), np.float32(1), "v[0]")]}


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_are_told_apart_by_their_first_instructions(tmp_path, protocol):
    mmsa = mmsa_content(aligned=True)
    for content, name in ((mmsa, "mmsa"), (MISA, "misa"), (MAG, "misa"), (SENTENCES, "misa")):
        path = tmp_path / f"{name}.pkl"
        path.write_bytes(pickle.dumps(content, protocol))
        assert detect_format(path).name == name
        assert len(read_table(path)) > 0


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"train.pkl": pickle.dumps(MISA), "test.pkl": pickle.dumps(MISA)}, "misa"),
        ({"train.csv": b"id,text,label\na,b,1\n"}, "table"),
        ({"dev.jsonl": b'{"text": "a", "label": 1}\n'}, "table"),
    ],
)
def test_folders(tmp_path, files, name):
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    assert detect_format(tmp_path).name == name
    assert len(read_table(tmp_path)) == len(files)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pkl", b"", "is empty"),
        ("a.xyz", b"hello", r"unknown format \(the first bytes b'hello'\).*misa \(.*mmsa \("),
        ("a.pkl", b"hello", "truncated or no pickle"),
        ("a.npz", b"hello", "cannot be read as .npz"),
        ("a.parquet", b"PAR1hello", "cannot be read as Parquet"),
        ("a.xlsx", b"PK\x03\x04hello", "cannot be read as .npz"),
    ],
)
def test_what_is_no_feature_file(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)


@pytest.mark.parametrize("format", [None, "mmsa", "table"])
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("a.csv.gz", "gunzip a.csv.gz"),
        ("a.csv", "gunzip < a.csv > unpacked.csv"),
        ("a.pkl", "gunzip < a.pkl > unpacked.pkl"),
    ],
)
def test_compressed_files(tmp_path, name, command, format):
    (tmp_path / name).write_bytes(gzip.compress(b"id,text,label,split\na,b,1,train\n"))
    with pytest.raises(DataError, match=rf"{name} is compressed with gzip: .*\({command}\)"):
        read_table(tmp_path / name, format)


@pytest.mark.parametrize(
    "names", [("training", "validation", "testing"), ("Train", "VALID", "TEST")]
)
@pytest.mark.parametrize("suffix", [".csv", ".pkl", ".CSV"])
def test_files_of_splits_are_found_under_every_name_of_one(tmp_path, names, suffix):
    table, misa = b"id,text,label\na,b,1\n", pickle.dumps(MISA)
    for name in (*names, "extra"):
        (tmp_path / f"{name}{suffix}").write_bytes(misa if suffix == ".pkl" else table)
    (tmp_path / "README.txt").write_text("read me")
    read = read_table(tmp_path)
    assert read.splits["split"].tolist() == [name.lower() for name in names]
    (note,) = [each for each in read.info["notes"] if each.startswith("not read")]
    assert note.startswith(f"not read: extra{suffix}; a file of a split has one of the names train")
    (tmp_path / f"extra{suffix}").unlink()
    assert "not read" not in str(read_table(tmp_path).info)


@pytest.mark.parametrize("second", ["dev.csv", "valid.tsv", "VALIDATION.csv"])
def test_two_files_of_one_split_are_refused(tmp_path, second):
    for name in ("train.csv", "val.csv", second):
        (tmp_path / name).write_text("id,text,label\na,b,1\n")
    with pytest.raises(DataError, match=r"holds .*, which are one split, 'val': leave one of them"):
        read_table(tmp_path)


def test_folder_of_something_else(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match=r"unknown format \(the entries \['notes.txt'\]\)"):
        detect_format(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        detect_format(tmp_path / "missing")


def test_options_are_those_of_the_format(tmp_path):
    path = write_mmsa(tmp_path / "features.pkl", mmsa_content(aligned=True))
    with pytest.raises(ValueError, match=r"option of the format 'mmsa' .*'audio_file'"):
        read_table(path, audio_fil="x.pkl")
    with pytest.raises(ValueError, match=r"format must be one of .*'npz'"):
        read_table(path, format="mmsa2")
    with pytest.raises(DataError, match="expected a list of"):
        read_table(path, format="misa")
    plain = Format("plain", "", lambda path, head: True, lambda path: None)
    with pytest.raises(ValueError, match="'plain' takes no options, got 'x'"):
        plain.check_options({"x": 1})
    assert all(each.name == name and each.description for name, each in FORMATS.items())


def test_a_table_is_kept_for_its_options_and_files(tmp_path):
    folder = tmp_path / "mosi"
    folder.mkdir()
    for name in ("train", "test"):
        (folder / f"{name}.csv").write_text("id,text,label,other\na,b,1,2\n")
    first = load_table(folder)
    assert load_table(str(folder)) is first
    assert load_table(folder, label_column=["other"]).labels.tolist() == [[2.0], [2.0]]
    assert load_table(folder) is first
    (folder / "test.csv").write_text("id,text,label,other\na,b,3,2\n")
    os.utime(folder / "test.csv", ns=(5, 5))
    assert load_table(folder).labels.tolist() == [[1.0], [3.0]]


def test_a_table_is_kept_for_options_of_any_kind(tmp_path):
    folds = {"train": ["one", "two"], "test": ["three"]}
    folder = write_folder(tmp_path, synthetic_sequences())
    first = load_table(folder, folds=folds, pauses=["sp"])
    assert load_table(folder, pauses=["sp"], folds={**folds}) is first
    folds["test"], folds["train"] = folds["train"], folds["test"]
    assert load_table(folder, folds=folds, pauses=["sp"]) is not first


def test_a_separate_file_that_changes_is_read_again(tmp_path):
    content = mmsa_content(aligned=False)
    main = write_mmsa(tmp_path / "features.pkl", content)
    for split in content.values():
        split["audio"] = split["audio"] * 2
    audio = write_mmsa(tmp_path / "audio.pkl", content)
    first = load_table(main, audio_file=str(audio))
    assert load_table(main, audio_file=str(audio)) is first
    os.utime(audio, ns=(5, 5))
    assert load_table(main, audio_file=str(audio)) is not first
