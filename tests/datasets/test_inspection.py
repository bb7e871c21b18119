"""What the report on a table says, against numbers taken in another way."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from inspection_tables import SPLIT, TEST, TOTAL, TRAIN, VAL, sound_table, with_sequences
from mmsa_files import SIZES, mmsa_content, write_mmsa

from pgf_plugin.datasets.features import FeatureTable, RaggedArray
from pgf_plugin.datasets.formats import read_table
from pgf_plugin.datasets.formats.safe_pickle import load_pickle
from pgf_plugin.datasets.inspection import describe_table, steps
from pgf_plugin.datasets.inspection.labels import scale_of
from pgf_plugin.datasets.inspection.plots import save_plots
from pgf_plugin.datasets.inspection.published import (
    PUBLISHED_FILES,
    PUBLISHED_VERSIONS,
    PublishedFile,
    match_version,
)
from pgf_plugin.datasets.inspection.videos import find_videos
from pgf_plugin.datasets.sequences import PaddedArray

TABLE = sound_table()


def with_holes(table=TABLE):
    """Audio with zero steps, NaN and inf, and an utterance without a step."""
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 40, TOTAL)
    lengths[11] = 0
    values = rng.normal(100, 3, (lengths.sum(), 5)).astype(np.float32)
    kinds = rng.random(len(values))
    values[kinds < 0.1] = 0
    values[(kinds > 0.1) & (kinds < 0.2), 2] = np.nan
    values[(kinds > 0.2) & (kinds < 0.25), 4] = -np.inf
    return with_sequences(table, "audio", RaggedArray.from_lengths(values, lengths))


@pytest.mark.parametrize("block_bytes", [1, 20 * 7, 2**20])
def test_steps_are_counted_the_same_whatever_the_size_of_the_blocks(block_bytes, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_BYTES", block_bytes)
    table = with_holes()
    audio = describe_table(table).modalities["audio"]
    for name, rows in (("train", TRAIN), ("val", VAL), ("test", TEST)):
        split = audio.splits[name]
        part = table.sequences["audio"].select(rows)
        assert split.zero == pytest.approx((part.values == 0).all(1).mean())
        assert split.nan == pytest.approx(np.isnan(part.values).any(1).mean())
        assert split.inf == pytest.approx(np.isinf(part.values).any(1).mean())
        assert (split.shortest, split.longest) == (part.lengths.min(), part.lengths.max())
        assert split.median == np.median(part.lengths)
        assert (part.lengths <= split.p95).mean() >= 0.95 > (part.lengths < split.p95).mean()
        assert split.empty == (part.lengths == 0).sum()
        assert sum(split.histogram) == split.sequences == len(rows)
        assert split.padding == pytest.approx(1 - part.lengths.mean() / part.lengths.max())
    values = table.sequences["audio"].values.astype(np.float64)
    finite = [column[np.isfinite(column)] for column in values.T]
    assert audio.mean == pytest.approx([column.mean() for column in finite], rel=1e-5)
    assert audio.std == pytest.approx([column.std() for column in finite], rel=1e-5)
    assert audio.minimum == pytest.approx([column.min() for column in finite], rel=1e-5)
    assert audio.maximum == pytest.approx([column.max() for column in finite], rel=1e-5)


def test_sequences_left_in_their_file_are_described_as_those_in_memory():
    values = np.random.default_rng(0).normal(size=(TOTAL, 9, 5)).astype(np.float32)
    lengths = np.random.default_rng(1).integers(0, 10, TOTAL)
    values[np.arange(9) >= lengths[:, None]] = 0
    lazy = PaddedArray(values, lengths)
    in_memory = RaggedArray.from_lengths(lazy.values, lengths)
    reports = [describe_table(with_sequences(TABLE, "audio", each)) for each in (lazy, in_memory)]
    assert reports[0] == reports[1]


def test_labels_are_counted_in_the_classes_of_acc7():
    values = np.array([-3, -2.5, -1.5, -0.5, 0, 0.5, 0.6, 1.5, 2.5, 3, 9], np.float32)
    labels = np.resize(values, (TOTAL, 1))
    label = describe_table(replace(TABLE, labels=labels, info={"label_range": (-3, 3)})).labels
    assert label["label"].classes == ["-3", "-2", "-1", "0", "+1", "+2", "+3"]
    train = labels[TRAIN, 0]
    expected = np.clip(np.round(train), -3, 3)  # numpy rounds halves to the even neighbour
    split = label["label"].splits["train"]
    assert split.histogram == [(expected == each).sum() for each in range(-3, 4)]
    assert split.zeros == pytest.approx((train == 0).mean())
    assert split.maximum == 9


def test_labels_of_sims_are_counted_in_its_classes():
    values = np.round(np.arange(-1, 1.01, 0.2), 1).astype(np.float32)  # as CH-SIMS has them
    labels = np.resize(values, (TOTAL, 1))
    report = describe_table(replace(TABLE, labels=labels, extra_labels={"text": -labels}))
    assert list(report.labels) == ["label", "label text"]
    label = report.labels["label"]
    assert label.scale == "-1 to 1"
    split = label.splits["test"]
    of = np.round(labels[TEST, 0].astype(float), 1)
    bins = [(-2, -0.7), (-0.7, -0.1), (-0.1, 0.1), (0.1, 0.7), (0.7, 2)]
    assert split.histogram == [((of > low) & (of <= high)).sum() for low, high in bins]


@pytest.mark.parametrize(
    ("value", "place"), [(-0.7, 0), (-0.1, 1), (0.1, 2), (0.7, 3), (-0.69, 1), (0.71, 4)]
)
def test_edges_of_the_classes_of_sims_belong_to_the_class_below(value, place):
    values = np.array([value], np.float32)
    counts = scale_of(values, (-1, 1)).count(values.astype(float))
    assert counts.index(1) == place


def test_labels_of_another_scale_and_several_columns_have_histograms_too():
    labels = np.stack([np.arange(TOTAL), np.full(TOTAL, np.nan)], axis=1).astype(np.float32)
    report = describe_table(replace(TABLE, labels=labels))
    first, second = report.labels["label[0]"], report.labels["label[1]"]
    assert first.scale == f"0 to {TOTAL - 1}"
    assert sum(first.splits["test"].histogram) == len(TEST)
    assert (second.splits["test"].missing, second.splits["test"].mean) == (len(TEST), None)


@pytest.mark.parametrize("version", PUBLISHED_VERSIONS, ids=lambda version: version.name)
def test_published_counts_match_their_version(version):
    match = match_version(version.counts)
    assert (match.name, match.exact, match.differences) == (version.name, True, {})
    assert str(match).startswith(f"matches {version.name} (train")


def test_near_counts_name_the_differences():
    match = match_version({"train": 1282, "val": 229, "test": 690})
    assert not match.exact
    assert match.differences == {"train": -2, "test": 4}
    assert str(match).startswith("nearest CMU-MOSI (train 1,284, val 229, test 686): train -2")


def test_a_part_of_a_version_is_told_as_such():
    match = match_version({"val": 229})
    assert (match.exact, match.lacking, match.differences) == (False, ["train", "test"], {})
    assert str(match).endswith("no train, no test")


@pytest.mark.parametrize("counts", [{"train": 60, "val": 24, "test": 30}, {}, {"all": 2199}])
def test_other_counts_match_no_version(counts):
    assert match_version(counts) is None


@pytest.mark.parametrize(
    ("ids", "form", "videos"),
    [
        (["a_b$_$1", "a_b$_$2", "c$_$1"], "video$_$clip", ["a_b", "a_b", "c"]),
        (["x-1[0]", "x-1[11]", "y[0]"], "video[clip]", ["x-1", "x-1", "y"]),
        (["aqgy3_0001/00000", "aqgy3_0001/00001", "b/1"], "video/clip", ["aqgy3_0001"] * 2 + ["b"]),
        (["_dI--eQ_0_1", "_dI--eQ_0_2", "z_9"], "video_clip", ["_dI--eQ_0", "_dI--eQ_0", "z"]),
        (["clip_1", "clip_2", "clip_3"], None, None),
        (["a_1", "b_1", "c_1"], None, None),
        (["one", "two", "three"], None, None),
        ([], None, None),
    ],
)
def test_videos_are_told_by_the_form_of_the_ids(ids, form, videos):
    found = find_videos(ids)
    assert (found and found.form, found and found.of) == (form, videos)


def test_the_most_complete_split_column_is_chosen():
    columns = {"a": np.where(SPLIT == "val", "train", SPLIT), "b": SPLIT}
    report = describe_table(replace(TABLE, splits=columns))
    assert report.column == "b"
    assert report.columns["a"].counts == {"train": 84, "test": 30}
    assert describe_table(replace(TABLE, splits=columns), "a").column == "a"


def test_what_splits_share_is_told():
    texts = list(TABLE.texts)
    texts[TEST[1]], texts[VAL[0]], texts[5] = texts[0], texts[1], ""
    ids = list(TABLE.ids)
    ids[TEST[0]], ids[1] = "v03$_$77", ids[0]
    report = describe_table(replace(TABLE, texts=texts, ids=ids))
    assert [(each.splits, each.count) for each in report.shared_texts] == [
        (["train", "val"], 1),
        (["train", "test"], 1),
    ]
    assert report.shared_texts[1].examples == [texts[0]]
    assert report.ids.shared_videos[0].examples == ["v03"]
    assert report.ids.repeated == {ids[0]: 2}
    assert report.ids.videos == {"train": 10, "val": 4, "test": 6}
    assert report.texts["train"].empty == 1


def test_the_first_the_shortest_and_the_longest_text_are_shown_with_their_label():
    texts = list(TABLE.texts)
    texts[3], texts[7] = "no", "very " * 100
    labels = np.array(TABLE.labels)
    labels[7] = np.nan
    examples = describe_table(replace(TABLE, texts=texts, labels=labels)).texts["train"].examples
    assert [(each.why, each.id) for each in examples] == [
        ("first", TABLE.ids[0]),
        ("shortest", TABLE.ids[3]),
        ("longest", TABLE.ids[7]),
    ]
    assert examples[1].label == pytest.approx([TABLE.labels[3, 0]], rel=1e-3)
    assert examples[2].label == [None]
    assert len(examples[2].text) == 300


ODD = {
    "no utterance": TABLE.select(np.arange(0)),
    "labels alone": replace(TABLE, splits={}, texts=[""] * TOTAL, sequences={}),
    "no step": with_sequences(TABLE, "audio", PaddedArray(np.ones((TOTAL, 2, 5)), np.zeros(TOTAL))),
    "no label": replace(TABLE, labels=np.full((TOTAL, 1), np.nan, np.float32)),
    "only NaN": with_sequences(
        TABLE, "audio", PaddedArray(np.full((TOTAL, 2, 5), np.nan), np.ones(TOTAL))
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_a_report_on_anything_is_json(name):
    report = describe_table(ODD[name])
    content = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert content["utterances"] == len(ODD[name])


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (ODD["no utterance"], []),
        (ODD["labels alone"], ["labels"]),
        (with_holes(ODD["no label"]), ["labels", "lengths", "content", "scale"]),
        (ODD["only NaN"], ["labels", "lengths", "content", "scale"]),
    ],
    ids=["no utterance", "labels alone", "holes", "only NaN"],
)
def test_anything_can_be_drawn(table, names, tmp_path):
    written = save_plots(describe_table(table, hashed=False), tmp_path / "new" / "plots")
    assert [path.name for path in written] == [f"{name}.png" for name in names]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def test_a_published_file_is_recognised_by_its_hash(tmp_path, monkeypatch):
    path = write_mmsa(tmp_path / "any_name.pkl", mmsa_content(aligned=False))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    report = describe_table(read_table(path))
    assert [each.sha256 for each in report.files] == [digest]
    assert str(report.files[0]).endswith("unknown file: no published hash")
    known = {digest: PublishedFile("MMSA", "MOSI/Processed/unaligned_50.pkl", "CMU-MOSI", "here")}
    monkeypatch.setattr("pgf_plugin.datasets.inspection.source.PUBLISHED_FILES", known)
    (file,) = describe_table(read_table(path)).files
    assert str(file).endswith(f"SHA-256 {digest}: this is MMSA's MOSI/Processed/unaligned_50.pkl")
    assert describe_table(read_table(path), hashed=False).files[0].sha256 is None


def test_a_store_is_recognised_by_what_it_was_made_of():
    digest, published = next(iter(PUBLISHED_FILES.items()))
    made_of = [{"name": "unaligned_50.pkl", "bytes": 7, "sha256": digest}]
    table = replace(TABLE, info={"name": "x", "store": {"source": {"files": made_of}}})
    report = describe_table(table)
    assert report.files[0].published == str(published)
    assert report.info == {"name": "x"}


def test_published_hashes_are_sha256():
    assert all(len(digest) == 64 and int(digest, 16) for digest in PUBLISHED_FILES)


def test_a_file_of_mmsa(tmp_path):
    report = describe_table(read_table(write_mmsa(tmp_path / "f.pkl", mmsa_content(aligned=True))))
    assert report.columns["split"].counts == SIZES
    assert {name: each.width for name, each in report.modalities.items()} == {
        **{"text": 8, "audio": 5, "vision": 20}
    }
    lengths = [
        [(each.shortest, each.median, each.longest) for each in modality.splits.values()]
        for modality in report.modalities.values()
    ]
    assert lengths[0] == lengths[1] == lengths[2]


def test_the_real_table_of_mosi(mosi_file):
    report = describe_table(read_table(mosi_file))
    assert report.column == "split_standard"
    assert report.columns["split_standard"].version.name == "CMU-MOSI"
    assert report.columns["split_standard"].version.exact
    assert report.columns["split_bclstm"].version.name == "CMU-MOSI, split of bc-LSTM"
    assert report.ids.videos == {"train": 52, "valid": 10, "test": 31}
    assert report.ids.shared_videos == []
    assert report.labels["label"].scale == "-3 to 3"
    assert report.labels["label"].splits["valid"].histogram == [10, 30, 32, 49, 39, 50, 19]
    assert report.modalities["audio"].maximum[0] == pytest.approx(376.02)


def test_the_real_pickle_of_misa(misa_file):
    rows = load_pickle(misa_file)  # the words of each utterance, with vision (47) and audio (74)
    features = {"vision": [row[0][1] for row in rows], "audio": [row[0][2] for row in rows]}
    table = FeatureTable(
        source=str(misa_file),
        ids=[row[2] for row in rows],
        texts=[" ".join(row[0][3]) for row in rows],
        labels=np.array([row[1][0] for row in rows], np.float32),
        sequences={
            name: RaggedArray.from_lengths(
                np.concatenate(each).astype(np.float32), [len(sequence) for sequence in each]
            )
            for name, each in features.items()
        },
        splits={"split": np.full(len(rows), "dev")},
    )
    report = describe_table(table)
    assert report.columns["split"].version.lacking == ["train", "test"]
    assert (report.ids.form, report.ids.videos) == ("video[clip]", {"dev": 10})
    assert {name: each.width for name, each in report.modalities.items()} == {
        **{"audio": 74, "vision": 47}
    }
    assert report.labels["label"].splits["dev"].histogram == [10, 30, 32, 49, 39, 50, 19]


def test_the_page_on_sources_has_every_published_hash():
    page = Path(__file__).parents[2].joinpath("docs", "data_sources.md").read_text("utf-8")
    for digest, file in PUBLISHED_FILES.items():
        assert f"| `{file.path}` | `{digest}` |" in page
    for version in PUBLISHED_VERSIONS[:4]:
        assert ", ".join(str(count) for count in version.counts.values()) in page
