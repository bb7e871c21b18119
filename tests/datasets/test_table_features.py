"""Features in plain tables: lists, numbered columns, and paths of arrays."""

import numpy as np
import pytest
from table_files import ROWS, SUFFIXES, write_table

from pgf_plugin.cli import main
from pgf_plugin.datasets import MSADataset
from pgf_plugin.datasets.formats import read_table
from pgf_plugin.errors import ConfigError, DataError

LISTS = [[0.5, 1.0], [2.0, 3.0], None, [4.0, 5.0]]
SEQUENCES = [[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], [], None]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_lists_are_steps(tmp_path, suffix):
    rows = [
        {**row, "audio": vector, "vision": sequence}
        for row, vector, sequence in zip(ROWS, LISTS, SEQUENCES, strict=True)
    ]
    table = read_table(write_table(tmp_path / f"data{suffix}", rows))
    audio, vision = table.sequences["audio"], table.sequences["vision"]
    assert audio.lengths.tolist() == [1, 1, 0, 1]
    assert vision.lengths.tolist() == [1, 2, 0, 0]
    assert (audio.width, vision.width) == (2, 3)
    assert audio.values.tolist() == [vector for vector in LISTS if vector]
    assert vision.values.tolist() == [step for steps in SEQUENCES for step in steps or []]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_column_a_feature(tmp_path, suffix):
    rows = [
        {**row, "audio_10": 10.5, "audio_9": 9 + number, **{f"audio_{n}": n for n in range(9)}}
        for number, row in enumerate(ROWS)
    ]
    rows[2].update(dict.fromkeys((f"audio_{n}" for n in range(11)), None))
    rows[3]["audio_4"] = None
    table = read_table(write_table(tmp_path / f"data{suffix}", rows))
    audio = table.sequences["audio"]
    assert audio.lengths.tolist() == [1, 1, 0, 1]
    assert audio[1][0].tolist() == [*range(9), 10, 10.5]
    assert np.isnan(audio[3][0]).tolist() == [n == 4 for n in range(11)]


@pytest.fixture
def arrays(tmp_path):
    """A table with the paths of ``.npy`` files, and what is in them."""
    (tmp_path / "data" / "features").mkdir(parents=True)
    arrays = [np.full((row, 4), row, np.float64) for row in range(1, 5)]
    rows = []
    for row, array in zip(ROWS, arrays, strict=True):
        np.save(tmp_path / "data" / "features" / f"{row['id']}.npy", array)
        rows.append({**row, "audio": f"features/{row['id']}.npy"})
    return tmp_path / "data" / "data.csv", rows, arrays


def test_paths_of_arrays(arrays):
    path, rows, expected = arrays
    np.save(path.parent / "features" / "a.npy", np.arange(4))  # one step
    rows[1]["audio"] = ""
    table = read_table(write_table(path, rows))
    audio = table.sequences["audio"]
    assert audio.lengths.tolist() == [1, 0, 3, 4]
    assert audio[0].tolist() == [[0, 1, 2, 3]]
    assert audio[3].dtype == np.float32
    np.testing.assert_array_equal(audio[3], expected[3])
    np.testing.assert_array_equal(audio.values[-4:], expected[3])
    dataset = MSADataset(str(path), "train", modalities=("audio",), normalize=())
    assert [len(dataset[row]["audio"]) for row in range(2)] == [1, 0]


@pytest.mark.parametrize(
    "way_out", ["../outside.npy", "{outside}", "link.npy", "folder/outside.npy"]
)
def test_paths_lead_nowhere_else(arrays, tmp_path, way_out):
    path, rows, _ = arrays
    outside = tmp_path / "outside.npy"
    np.save(outside, np.ones((2, 4)))
    (path.parent / "link.npy").symlink_to(outside)
    (path.parent / "folder").symlink_to(tmp_path)
    rows[1]["audio"] = way_out.format(outside=outside)
    with pytest.raises(DataError, match=r"leads out of .*set paths_anywhere=True"):
        read_table(write_table(path, rows))
    table = read_table(path, paths_anywhere=True)
    assert table.sequences["audio"][1].tolist() == [[1.0] * 4] * 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.ones((2, 3)), r"differ in their number of features a step: \[3, 4\]"),
        (np.ones((2, 3, 4)), "must hold numbers"),
        (np.array(["a"]), "must hold numbers"),
        (np.array([{}], object), "pickled objects, which are not loaded"),
        (b"hello", "is no .npy array"),
        (b"", "is no .npy array"),
        (None, "there is no file"),
    ],
)
def test_array_that_cannot_be_read(arrays, content, message):
    path, rows, _ = arrays
    file = path.parent / "features" / "b.npy"
    if content is None:
        file.unlink()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content, allow_pickle=True)
    with pytest.raises(DataError, match=rf"data.csv: audio: .*{message}"):
        read_table(write_table(path, rows))


def test_truncated_array(arrays):
    path, rows, _ = arrays
    file = path.parent / "features" / "d.npy"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"d.npy is truncated: 120 bytes of 128"):
        read_table(write_table(path, rows))


def test_paths_of_recordings_are_no_features(tmp_path):
    rows = [{**row, "audio_path": f"{row['id']}.wav"} for row in ROWS]
    table = read_table(write_table(tmp_path / "data.csv", rows))
    assert table.sequences == {}
    assert table.info["notes"] == [
        "audio_path is left out: it holds no features or .npy files, but 'a.wav' in row 1"
    ]
    with pytest.raises(DataError, match=r"there is no file .*a.wav"):
        read_table(tmp_path / "data.csv", audio_column="audio_path")


@pytest.mark.parametrize("missing", ["None", "nan", "NA", ""])
def test_cells_that_say_that_nothing_is_there(arrays, missing):
    path, rows, expected = arrays
    rows[0]["audio"] = missing
    audio = read_table(write_table(path, rows)).sequences["audio"]
    assert audio.lengths.tolist() == [0, 2, 3, 4]
    np.testing.assert_array_equal(audio[1], expected[1])


RECORDINGS = [{"bytes": b"RIFF", "path": "a.wav"}, None] * 2


@pytest.mark.parametrize(
    ("suffix", "audio"),
    [
        (suffix, audio)
        for suffix in (".jsonl", ".json", ".parquet")
        for audio in ([{"path": "a.wav", "sampling_rate": 16000}, None] * 2, [["a.wav"]] * 4)
    ]
    + [(".parquet", RECORDINGS)],
)
def test_objects_are_no_features(tmp_path, suffix, audio):
    rows = [{**row, "audio": cell} for row, cell in zip(ROWS, audio, strict=True)]
    path = write_table(tmp_path / f"data{suffix}", rows)
    table = read_table(path)
    assert (table.texts[0], table.sequences) == ("good, really", {})
    assert "audio is left out: it holds no features or .npy files, but" in table.info["notes"][0]
    assert "notes" not in read_table(path, audio_column="none").info
    with pytest.raises(DataError, match="audio"):
        read_table(path, audio_column="audio")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_numbered_texts_are_no_features(tmp_path, suffix):
    rows = [
        {"id": row["id"], "text1": row["text"], "text2": "x", "label": 1.0, "split": "train"}
        for row in ROWS
    ]
    path = write_table(tmp_path / f"data{suffix}", rows)
    for column in ("text1", "text2"):
        table = read_table(path, text_column=column)
        assert (table.texts[0], table.sequences) == (rows[0][column], {})
    with pytest.raises(DataError, match=r"no column of texts .*text1 … text2 is left out.*name it"):
        read_table(path)
    path = write_table(path, [{**row, "text": "y"} for row in rows])
    table = read_table(path)
    assert (table.texts[0], table.sequences) == ("y", {})
    assert table.info["notes"][0].startswith("text1 … text2 is left out")
    assert "notes" not in read_table(path, text_features_column="none").info


def test_numbers_with_a_decimal_comma_are_no_texts(tmp_path):
    path = write_table(tmp_path / "data.csv", [{**row, "audio_0": "0,5"} for row in ROWS])
    with pytest.raises(DataError, match=r"line 2: audio_0 '0,5' is no number: .*decimal comma"):
        read_table(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_text_in_brackets_is_no_list(tmp_path, suffix):
    rows = [{"raw_text": "a", **row} for row in ROWS]
    rows[1]["text"] = "[laughs] no"
    table = read_table(write_table(tmp_path / f"data{suffix}", rows))
    assert (table.texts[1], table.sequences) == ("a", {})
    assert "text is left out" in table.info["notes"][0]
    assert "'good, really' in row 1" in table.info["notes"][0]


def test_columns_that_are_left_out(tmp_path):
    rows = [{**row, "audio_0": 1.0, "vision": [2.0]} for row in ROWS]
    path = write_table(tmp_path / "data.jsonl", rows)
    table = read_table(path, id_column="none", audio_column="none", text_column="none")
    assert table.ids[0] == "data:1"
    assert (table.texts, list(table.sequences)) == ([""] * 4, ["vision"])
    table = read_table(path, label_column="none", unlabelled="keep")
    assert np.isnan(table.labels).all()
    assert set(read_table(path, split_column="none", split="test").splits["split"]) == {"test"}
    with pytest.raises(DataError, match="no column of labels"):
        read_table(path, label_column="none")
    with pytest.raises(ConfigError, match=r"text_features_column .*: 'text' has the ids, texts"):
        read_table(path, text_column="text", text_features_column="text")


def test_what_is_left_out_is_told_by_validate(tmp_path, capsys):
    path = write_table(tmp_path / "data.csv", [{**row, "audio": "x.wav"} for row in ROWS])
    main(["data", "validate", str(path)])
    assert "audio is left out: it holds no features" in capsys.readouterr().out


def test_arrays_as_numpy_prints_them(tmp_path):
    path = write_table(tmp_path / "data.csv", [{**row, "audio": "[0.1 0.2]"} for row in ROWS])
    with pytest.raises(DataError, match=r"row 1: audio .*as numpy prints it, write array.tolist"):
        read_table(path)


def test_paths_of_windows(arrays):
    path, rows, _ = arrays
    rows[0]["audio"] = rows[0]["audio"].replace("/", "\\")
    with pytest.raises(DataError, match=r"there is no file .*as on Windows: write /"):
        read_table(write_table(path, rows))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_utterance_without_steps(tmp_path, suffix):
    steps = [[[1.0, 2.0]] * 2, [[]], None, [[], []]]
    rows = [{**row, "audio": audio} for row, audio in zip(ROWS, steps, strict=True)]
    audio = read_table(write_table(tmp_path / f"data{suffix}", rows)).sequences["audio"]
    assert (audio.width, audio.lengths.tolist()) == (2, [2, 0, 0, 0])
    assert audio.values.tolist() == [[1.0, 2.0]] * 2
    steps[0] = [[1.0, 2.0], []]
    rows = [{**row, "audio": audio} for row, audio in zip(ROWS, steps, strict=True)]
    with pytest.raises(DataError, match="audio"):  # is a step missing, or which one is it?
        read_table(write_table(tmp_path / f"data{suffix}", rows))


def test_a_step_that_is_null_in_parquet(tmp_path):
    rows = [{**row, "audio": [[1.0, 2.0]]} for row in ROWS]
    rows[1]["audio"] = [None]
    audio = read_table(write_table(tmp_path / "data.parquet", rows)).sequences["audio"]
    assert audio.lengths.tolist() == [1, 0, 1, 1]


def test_arrays_without_steps(arrays):
    path, rows, expected = arrays
    for name, shape in (("empty", (0,)), ("nothing", (3, 0)), ("none", (0, 4))):
        np.save(path.parent / f"{name}.npy", np.zeros(shape, np.float32))
    for row, name in ((0, "empty"), (2, "nothing"), (3, "none")):
        rows[row]["audio"] = f"{name}.npy"
    audio = read_table(write_table(path, rows)).sequences["audio"]
    assert audio.lengths.tolist() == [0, len(expected[1]), 0, 0]
    assert [audio[row].shape for row in (0, 2, 3)] == [(0, expected[1].shape[1])] * 3
    np.testing.assert_array_equal(audio[1], expected[1])


def test_a_split_without_steps(tmp_path):
    for name, audio in (("train", [[1.0, 2.0]]), ("test", [[]])):
        write_table(tmp_path / f"{name}.jsonl", [{**row, "audio": audio} for row in ROWS])
    audio = read_table(tmp_path).sequences["audio"]
    assert (audio.width, audio.lengths.tolist()) == (2, [1] * 4 + [0] * 4)
    assert audio[7].shape == (0, 2)
