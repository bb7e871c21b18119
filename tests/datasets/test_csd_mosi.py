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


def test_labels_and_splits_are_the_published_ones(folder, published):
    table = read_csd(folder)
    assert set(table.ids) == set(published)
    assert [float(x) for x in table.labels[:, 0]] == [published[each][0] for each in table.ids]
    assert table.splits["split"].tolist() == [published[each][1] for each in table.ids]
    sizes = {name: (table.splits["split"] == name).sum() for name in ("train", "valid", "test")}
    assert sizes == {"train": 1284, "valid": 229, "test": 686}
    assert table.info["name"] == "CMU-MOSI"
    assert table.info["label_range"] == [-3.0, 3.0]


@pytest.mark.parametrize(("shift", "least", "most"), [(0, 0.85, 0.9), (1, 0.985, 1.0)])
def test_transcripts_are_near_the_published_ones(folder, published, shift, least, most):
    table = read_csd(folder, word_shift=shift)
    assert all(table.texts)
    assert ("note" in table.info) == (shift == 0)
    ratios = [
        difflib.SequenceMatcher(
            None, text.split(), published[each][2].lower().split(), autojunk=False
        ).ratio()
        for each, text in zip(table.ids, table.texts, strict=True)
    ]
    assert least < np.mean(ratios) < most


def test_words_are_those_of_misa_which_leaves_out_unknown_ones(folder):
    table = read_csd(folder, word_shift=1)
    words = dict(zip(table.ids, map(str.split, table.texts), strict=True))
    with (folder / "misa_dev.pkl").open("rb") as file:
        entries = pickle.load(file)
    assert len(entries) == 229
    for (_, _, _, theirs), _, key in entries:
        ours = iter(words[key])
        assert all(word in ours for word in theirs), key


def test_words_are_those_that_mmsdk_aligns(folder):
    with quiet():
        recipe = {path.stem: str(path) for path in folder.glob("*.csd")}
        dataset = mmsdk.mmdataset(recipe)
        dataset.align("CMU_MOSI_Opinion_Labels")
    aligned = dataset["CMU_MOSI_ModifiedTimestampedWords"].data
    table = read_csd(folder)
    assert set(table.ids) - set(aligned) == {NO_LENGTH}
    for key, text in zip(table.ids, table.texts, strict=True):
        if key != NO_LENGTH:
            words = [word.decode() for word in aligned[key]["features"][:, 0]]
            assert text.split() == [word for word in words if word != "sp"]


def test_an_utterance_without_length_has_the_words_around_it(folder):
    table = read_csd(folder, word_shift=1)
    row = table.ids.index(NO_LENGTH)
    assert table.texts[row] == "beautiful"
    assert 0 <= table.times["words"][row].max() < 0.005
