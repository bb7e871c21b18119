"""The real computational sequences of CMU-MOSI: labels and time-stamped words."""

import difflib
import pickle

import numpy as np
import pytest
from csd_files import mmsdk, quiet

from pgf_plugin.datasets.formats.csd import read_csd

NO_LENGTH = "2WGyTLYerpo[43]"
"""An utterance whose interval begins and ends at once."""


@pytest.fixture(scope="module")
def folder(mosi_file):
    if not list(mosi_file.parent.glob("*.csd")):
        pytest.skip(f"the real CMU-MOSI sequences are not in {mosi_file.parent}")
    return mosi_file.parent


@pytest.fixture(scope="module")
def published(mosi_file):
    """Label, split and transcript by id; the n-th utterance of a video is ``video[n - 1]``."""
    with np.load(mosi_file) as table:
        ids = [each.rsplit("_", 1) for each in table["id"]]
        rows = zip(table["label"], table["split_standard"], table["raw_text"], strict=True)
        return {f"{v}[{int(n) - 1}]": row for (v, n), row in zip(ids, rows, strict=True)}


@pytest.fixture(scope="module")
def tables(folder):
    """The table by how late its words are said to be."""
    return {shift: read_csd(folder, word_shift=shift) for shift in (0, 1)}


def test_labels_and_splits_are_the_published_ones(tables, published):
    table = tables[0]
    assert set(table.ids) == set(published)
    assert [float(x) for x in table.labels[:, 0]] == [published[each][0] for each in table.ids]
    assert table.splits["split"].tolist() == [published[each][1] for each in table.ids]
    sizes = {name: (table.splits["split"] == name).sum() for name in ("train", "valid", "test")}
    assert sizes == {"train": 1284, "valid": 229, "test": 686}
    assert table.info["name"] == "CMU-MOSI"
    assert table.info["label_range"] == [-3.0, 3.0]


@pytest.mark.parametrize(("shift", "least", "most"), [(0, 0.85, 0.9), (1, 0.985, 1.0)])
def test_transcripts_are_near_the_published_ones(tables, published, shift, least, most):
    table = tables[shift]
    assert all(table.texts)
    assert ("note" in table.info) == (shift == 0)
    ratios = [
        difflib.SequenceMatcher(
            None, text.split(), published[each][2].lower().split(), autojunk=False
        ).ratio()
        for each, text in zip(table.ids, table.texts, strict=True)
    ]
    assert least < np.mean(ratios) < most


def test_words_are_those_of_misa(folder, tables):
    # It leaves out words without a vector, after which a few utterances differ at their ends.
    words = dict(zip(tables[1].ids, map(str.split, tables[1].texts), strict=True))
    same = 0
    with (folder / "misa_dev.pkl").open("rb") as file:
        entries = pickle.load(file)
    for (_, _, _, theirs), _, key in entries:
        ours = iter(words[key])
        same += all(word in ours for word in theirs)
    assert len(entries) == 229
    assert same >= 220


def test_words_are_those_that_mmsdk_aligns(folder, tables):
    with quiet():
        dataset = mmsdk.mmdataset({path.stem: str(path) for path in folder.glob("*.csd")})
        videos = sorted(dataset["CMU_MOSI_Opinion_Labels"].keys())[:20]
        for sequence in dataset.computational_sequences.values():
            sequence.data = {video: sequence.data[video] for video in videos}
        dataset.align("CMU_MOSI_Opinion_Labels")
    aligned = dataset["CMU_MOSI_ModifiedTimestampedWords"].data
    texts = dict(zip(tables[0].ids, tables[0].texts, strict=True))
    ours = {key: text for key, text in texts.items() if key.split("[")[0] in videos}
    assert set(ours) - set(aligned) == {NO_LENGTH}
    for key, text in ours.items():
        if key != NO_LENGTH:
            words = [word.decode() for word in aligned[key]["features"][:, 0]]
            assert text.split() == [word for word in words if word != "sp"]


def test_an_utterance_without_length_has_the_words_around_it(tables):
    table = tables[1]
    row = table.ids.index(NO_LENGTH)
    assert table.texts[row] == "beautiful"
    assert 0 <= table.times["words"][row].max() < 0.005
