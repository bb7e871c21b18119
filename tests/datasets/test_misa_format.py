import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from pgf_plugin.datasets.formats import read_table
from pgf_plugin.datasets.formats.npz_table import read_npz
from pgf_plugin.errors import DataError

RNG = np.random.default_rng(0)
WORDS = ["so", "this", "was", "not", "bad"]


def misa(length: int, name: str, label=1.5):
    features = RNG.normal(size=(length, 3)), RNG.normal(size=(length, 5)).astype(np.float32)
    return (np.arange(length), *features, WORDS[:length]), np.array([[label]], np.float32), name


def mmim(visual: int, acoustic: int, name: str):
    features = RNG.normal(size=(visual, 3)), RNG.normal(size=(acoustic, 5))
    return ([], *features, WORDS, visual, acoustic), np.full((1, 1), -0.5), name


def mag(length: int, name: str):
    _, visual, acoustic, _ = misa(length, name)[0]
    return (WORDS[:length], visual, acoustic), np.float32(2), name


@pytest.fixture
def write(tmp_path):
    def write(content, name="train.pkl"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(content))
        return path

    return write


def check_features(table, utterances):
    for row, ((_, visual, acoustic, *_), _, name) in enumerate(utterances):
        assert table.ids[row] == name
        np.testing.assert_allclose(table.sequences["vision"][row], visual, rtol=1e-6)
        np.testing.assert_allclose(table.sequences["audio"][row], acoustic, rtol=1e-6)


def test_misa_folder(tmp_path, write):
    splits = {
        name: [misa(n, f"{name}[{n}]", n / 2) for n in (2, 5, 3)] for name in ("train", "dev")
    }
    for name, utterances in splits.items():
        write(utterances, f"{name}.pkl")
    table = read_table(tmp_path)
    check_features(table, [*splits["train"], *splits["dev"]])
    assert table.splits["split"].tolist() == ["train"] * 3 + ["dev"] * 3
    assert table.texts[:3] == ["so this", "so this was not bad", "so this was"]
    assert table.labels.tolist() == [[1.0], [2.5], [1.5]] * 2
    files = table.info.pop("files")
    assert [Path(file).name for file in files] == ["train.pkl", "dev.pkl"]
    assert table.info == {"format": "misa", "label_range": [-3.0, 3.0], "aligned": True}


def test_mmim_sequences_of_their_own_lengths(write):
    utterances = [mmim(4, 9, "a"), mmim(0, 2, "b"), mmim(7, 0, "c")]
    table = read_table(write(utterances))
    check_features(table, utterances)
    assert table.texts == ["so this was not bad"] * 3
    assert table.sequences["vision"].lengths.tolist() == [4, 0, 7]
    assert not table.info["aligned"]


def test_mag_bert_file_of_all_splits(write):
    splits = {name: [mag(n, f"{name}[{n}]") for n in (2, 3)] for name in ("train", "dev", "test")}
    table = read_table(write(splits, "mosi.pkl"))
    check_features(table, [each for split in splits.values() for each in split])
    assert table.splits["split"].tolist() == [n for n in splits for _ in range(2)]
    assert table.texts[0] == "so this"


def test_an_utterance_may_have_no_step(write):
    empty = ((["so"], np.zeros(0), np.zeros((0, 5))), 1.0, "a")
    table = read_table(write([mag(2, "b"), empty]))
    assert table.sequences["vision"][1].shape == (0, 3)


def test_labels_of_mosei(write):
    columns = np.arange(7, dtype=np.float32) / 4
    utterances = [(misa(2, "a")[0], columns[None], "a"), (misa(2, "b")[0], -columns[None], "b")]
    path = write(utterances)
    table = read_table(path)
    assert table.labels.tolist() == [[0.0], [0.0]]
    np.testing.assert_array_equal(table.extra_labels["emotions"][0], columns[1:])
    assert read_table(path, label_column=3).labels.tolist() == [[0.75], [-0.75]]
    with pytest.raises(DataError, match="label_column is 7, but its labels have 7 columns"):
        read_table(path, label_column=7)
    with pytest.raises(ValueError, match="label_column must be an integer >= 0"):
        read_table(path, label_column=-1)


def test_word_ids_without_words(tmp_path, write):
    path = write([((np.array([3, 0, 9]), np.ones((3, 2)), np.ones((3, 2))), 1.0, "a")])
    table = read_table(path)
    assert table.texts == [""]
    assert "give the dict of words to ids as word2id" in table.info["notes"][0]
    vocabulary = {"so": 0, "good": 3}
    (tmp_path / "word2id.json").write_text(json.dumps(vocabulary))
    for file in (tmp_path / "word2id.json", write(vocabulary, "word2id.pkl")):
        table = read_table(path, word2id=str(file))
        assert table.texts == ["good so"]
        assert table.info["notes"] == [
            "word2id lacks 1 words of the file, which the texts leave out"
        ]
    with pytest.raises(DataError, match="expected a dict of words to ids"):
        read_table(path, word2id=write({0: "so"}, "word2id.pkl"))
    with pytest.raises(FileNotFoundError, match="word2id: there is no file"):
        read_table(path, word2id=tmp_path / "none.json")


@pytest.mark.parametrize(
    ("name", "split"),
    [("misa_dev.pkl", "dev"), ("MOSI-valid.pkl", "valid"), ("test.pkl", "test"), ("x.pkl", "all")],
)
def test_split_of_a_file_is_told_by_its_name(write, name, split):
    assert read_table(write([misa(2, "a")], name)).splits["split"].tolist() == [split]


GOOD = misa(2, "a")
FEATURES = GOOD[0]
BAD = {
    "no tuple": ([GOOD, [1, 2]], r"split 'train', utterance 1: found a list of 2, expected a list"),
    "no features": ([GOOD, ([1], 2, 3)], "utterance 1: found a tuple of 3"),
    "split is no list": ({"train": [GOOD], "test": 5}, "split 'test': found a int"),
    "no utterance": ({"train": [], "test": []}, "holds no utterance; expected a list"),
    "widths": ([GOOD, mmim(2, 2, "a"), mag(2, "c"), (misa(2, "d")[0], 1.0, "d"),
                ((WORDS, np.ones((3, 2)), np.ones((2, 5))), 1.0, "e")],
               "visual of 'e' has 2 features a step, others have 3: .*axes"),
    "one dimension": ([(([], np.ones(3), np.ones((2, 5))), 1.0, "a")], r"visual must be \(steps"),
    "text": ([(([], np.array(["a"]), np.ones((2, 5))), 1.0, "a")], "visual must hold numbers"),
    "ragged": ([(([], [[1], [1, 2]], np.ones((2, 5))), 1.0, "a")], "visual is no regular array"),
    "label": ([(FEATURES, "good", "a")], "label must hold numbers, got a str"),
    "empty label": ([(FEATURES, [], "a")], "the label is empty"),
    "labels differ": ([GOOD, (FEATURES, [1.0, 2.0], "b")], "label of 'b' has 2 .* of 'a' 1"),
    "words": ([((5, *FEATURES[1:3]), 1.0, "a")], "the words are a int"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_content_is_named(write, name):
    content, message = BAD[name]
    with pytest.raises(DataError, match=message):
        read_table(write(content), format="misa")


def test_folder_without_splits(tmp_path):
    with pytest.raises(DataError, match=r"holds none of \['train.pkl'"):
        read_table(tmp_path, format="misa")


def test_truncated_at_any_offset(tmp_path):
    whole = pickle.dumps([misa(3, "a"), misa(4, "b")])
    path = tmp_path / "train.pkl"
    for end in np.linspace(2, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="truncated"):
            read_table(path, format="misa")


def test_real_file_agrees_with_the_table_of_the_same_utterances(mosi_file):
    table = read_table(mosi_file.with_name("misa_dev.pkl"))
    assert len(table) == 229
    assert (table.sequences["vision"].width, table.sequences["audio"].width) == (47, 74)
    reference = read_npz(mosi_file)
    expected = {
        sample_id: (label, set(text.lower().split()))
        for sample_id, label, text in zip(
            reference.ids, reference.labels[:, 0], reference.texts, strict=True
        )
    }
    for sample_id, label, text in zip(table.ids, table.labels[:, 0], table.texts, strict=True):
        video, position = sample_id.removesuffix("]").split("[")
        reference_label, words = expected[f"{video}_{int(position) + 1}"]
        assert label == pytest.approx(reference_label, abs=1e-6)
        assert len(words & set(text.split())) >= len(words) / 2
