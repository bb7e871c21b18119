"""Every problem that validation lists, planted in a table that is sound without it."""

from dataclasses import replace

import numpy as np
import pytest
from inspection_tables import (
    TEST,
    TOTAL,
    TRAIN,
    VAL,
    padded_as_steps,
    sound_table,
    with_sequences,
    with_values,
)

from pgf_plugin.datasets.checks import split_rows
from pgf_plugin.datasets.features import RaggedArray
from pgf_plugin.datasets.formats import read_table
from pgf_plugin.datasets.inspection import Expectations, validate_table
from pgf_plugin.datasets.sequences import JoinedSequences, LazySequences, PaddedArray
from pgf_plugin.errors import DataError

TABLE = sound_table()
AUDIO = TABLE.sequences["audio"]


def changed(values, row, value):
    """A copy of a list or array with one other entry."""
    values = values.copy()
    values[row] = value
    return values


def labels(rows, value):
    return replace(TABLE, labels=changed(TABLE.labels, rows, value))


def splits(values):
    return replace(TABLE, splits={"split": np.array(values)})


def swapped(width, steps):
    """Padded (N, T, D) whose last two axes a file has swapped."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(TOTAL, steps, width)).astype(np.float32)
    values *= (np.arange(steps) < rng.integers(2, steps + 1, TOTAL)[:, None])[..., None]
    return padded_as_steps(values.swapaxes(1, 2))


def long_sequences(outlier):
    """Of 200 steps each: far values stand out from their deviation only where there are many."""
    values = np.random.default_rng(2).normal(size=(TOTAL * 200, 5)).astype(np.float32)
    values[77, 3] = outlier
    return RaggedArray.from_lengths(values, np.full(TOTAL, 200))


class Unreadable(LazySequences):
    offsets, width = AUDIO.offsets, AUDIO.width

    def __getitem__(self, index):
        raise DataError("the file is truncated")


SPLIT = TABLE.splits["split"]
PLANTED = {
    "label missing": (labels(TRAIN[3], np.nan), "error", "label, train", "1 label missing", 1),
    "label infinite": (labels(TRAIN[3], np.inf), "error", "label, train", "1 label missing", 1),
    "labels of a split": (labels(TEST, np.nan), "error", "label, test", "all labels", 30),
    "splits of one meaning": (
        splits(np.where(np.arange(TOTAL) == VAL[0], "dev", SPLIT)),
        *("warning", "splits (split)", "'dev' (1) and 'val' (23) are read as one split, val", 24),
    ),
    "labels constant": (labels(VAL, 0.5), "warning", "label, val", "every label is 0.5", 24),
    "labels of classes": (
        replace(TABLE, labels=np.arange(TOTAL, dtype=np.float32)[:, None] % 3),
        *("warning", "label", "every label is a whole number from 0 to 2", TOTAL),
    ),
    "labels from 1 to 3": (
        replace(TABLE, labels=np.linspace(1, 3, TOTAL, dtype=np.float32)[:, None]),
        *("warning", "label", "no label is negative, they lie from 1 to 3", TOTAL),
    ),
    "id twice": (
        replace(TABLE, ids=changed(TABLE.ids, 1, TABLE.ids[0])),
        *("error", "ids", "1 id of several utterances", 1),
    ),
    "video in two splits": (
        replace(TABLE, ids=changed(TABLE.ids, TEST[0], "v00$_$99")),
        *("warning", "ids (video$_$clip), train and test", "1 video in several splits", 1),
    ),
    "text in two splits": (
        replace(TABLE, texts=changed(TABLE.texts, TEST[0], f"  {TABLE.texts[0].upper()}")),
        *("warning", "texts, train and test", "1 text in several splits", 1),
    ),
    "text empty": (
        replace(TABLE, texts=changed(TABLE.texts, VAL[1], " \n")),
        *("warning", "texts, val", "1 text empty", 1),
    ),
    "no text": (replace(TABLE, texts=[""] * TOTAL), "warning", "texts", "no utterance has", TOTAL),
    "split missing": (
        splits(np.where(SPLIT == "val", "train", SPLIT)),
        *("error", "splits (split)", "missing or empty: val; found train 84, test 30", 1),
    ),
    "row without split": (
        splits(changed(SPLIT, 5, "")),
        *("warning", "splits (split)", "1 utterance in no split", 1),
    ),
    "no split column": (replace(TABLE, splits={}), "error", "splits", "no split is told", TOTAL),
    "several split columns": (
        replace(TABLE, splits={"a": np.full(TOTAL, "train"), "split": SPLIT}),
        *("warning", "splits", "2 split columns; 'split' was checked", 2),
    ),
    "few utterances": (
        splits(np.where(np.arange(TOTAL) < TOTAL - 25, SPLIT, "train")),
        *("warning", "splits, test", "only 5 utterances", 5),
    ),
    "NaN": (
        with_values(TABLE, "audio", row_2=np.nan),
        *("error", "audio, train", f"NaN in {AUDIO.lengths[2]} steps of 1 utterance"),
        AUDIO.lengths[2],
    ),
    "inf": (
        with_values(TABLE, "audio", **{f"row_{TEST[4]}": -np.inf}),
        *("error", "audio, test", "inf in", AUDIO.lengths[TEST[4]]),
    ),
    "utterance of zeros": (
        with_values(TABLE, "vision", row_7=0),
        *("warning", "vision, train", "1 utterance nothing but zeros", 1),
    ),
    "split of zeros": (
        with_values(TABLE, "vision", **{f"row_{row}": 0 for row in VAL}),
        *("error", "vision, val", "no utterance has features: 24 all zero", 24),
    ),
    "padding before the sequences": (
        with_sequences(
            TABLE,
            "audio",
            padded_as_steps(np.pad(np.ones((TOTAL, 4, 5)), [(0, 0), (6, 0), (0, 0)])),
        ),
        *("warning", "audio, test", "60% of the steps are zero throughout", 180),
    ),
    "one step repeated": (
        with_values(TABLE, "vision", row_7=0.3),
        *("warning", "vision, train", "1 utterance of several steps, all the same", 1),
    ),
    "no step": (
        with_sequences(TABLE, "audio", PaddedArray(np.ones((TOTAL, 3, 5)), np.eye(TOTAL)[4] * 3)),
        *("warning", "audio, train", "59 utterances without a step", 59),
    ),
    "values beyond the lengths": (
        with_sequences(TABLE, "audio", PaddedArray(np.ones((TOTAL, 9, 5)), np.full(TOTAL, 3))),
        *("warning", "audio, val", "24 utterances with values beyond the length", 24),
    ),
    "values before the sequences": (
        with_sequences(
            TABLE,
            "vision",
            JoinedSequences(
                [
                    PaddedArray(
                        np.random.default_rng(0).normal(size=(TOTAL, 9, 5)),
                        np.where(np.arange(TOTAL) == 7, 4, 9),
                        from_end=True,
                    )
                ]
            ),
        ),
        *("warning", "vision, train", "1 utterance with values beyond the length", 1),
    ),
    "feature constant": (
        with_sequences(TABLE, "audio", RaggedArray(AUDIO.values * [1, 0, 1, 1, 1], AUDIO.offsets)),
        *("warning", "audio", "1 feature constant", 1),
    ),
    "feature constant in train": (
        with_sequences(
            TABLE,
            "audio",
            RaggedArray(
                np.where(
                    (np.arange(len(AUDIO.values)) < AUDIO.offsets[60])[:, None]
                    & (np.arange(5) == 2),
                    0.5,
                    AUDIO.values,
                ),
                AUDIO.offsets,
            ),
        ),
        *("warning", "audio, train", "1 feature constant here, but not in other splits", 1),
    ),
    "feature of extreme scale": (
        with_sequences(
            TABLE, "audio", RaggedArray(AUDIO.values * [1, 1, 1e6, 1, 1], AUDIO.offsets)
        ),
        *("warning", "audio", "1 feature of extreme scale", 1),
    ),
    "outlier": (
        with_sequences(TABLE, "audio", long_sequences(outlier=500.0)),
        *("warning", "audio", "1 feature of extreme scale", 1),
    ),
    "axes swapped": (
        with_sequences(TABLE, "vision", swapped(width=9, steps=20)),
        *("error", "vision", "axes in another order: zeros lie along the features", 20),
    ),
    "axes perhaps swapped": (
        with_sequences(
            TABLE,
            "audio",
            padded_as_steps(np.random.default_rng(0).normal(size=(TOTAL, 5, 60))),
        ),
        *("warning", "audio", "axes may be swapped: every sequence has the same few steps", 60),
    ),
    "lengths beyond the array": (
        with_sequences(TABLE, "audio", RaggedArray(AUDIO.values[:-40], AUDIO.offsets)),
        *("error", "audio", "lengths beyond the array", 40),
    ),
    "negative length": (
        with_sequences(TABLE, "audio", RaggedArray(AUDIO.values, changed(AUDIO.offsets, 3, 10**6))),
        *("error", "audio", "1 negative length", 1),
    ),
    "rows missing": (
        with_sequences(TABLE, "audio", AUDIO.select(TRAIN)),
        *("error", "audio", f"60 rows, but there are {TOTAL} ids", 1),
    ),
    "labels of other rows": (
        replace(TABLE, labels=TABLE.labels[:5]),
        *("error", "label", f"5 rows, but there are {TOTAL} ids", 1),
    ),
    "unreadable modality": (
        with_sequences(TABLE, "audio", Unreadable()),
        *("error", "audio", "the file is truncated", 1),
    ),
    "nothing but labels": (
        replace(TABLE, texts=[""] * TOTAL, sequences={}),
        *("error", "file", "neither features nor texts", 0),
    ),
    "no utterance": (
        TABLE.select(np.arange(0)),
        *("error", "file", "there is no utterance", 0),
    ),
}


def test_nothing_is_wrong_with_the_sound_table():
    assert validate_table(TABLE) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_problem_is_listed(name):
    table, severity, where, what, count = PLANTED[name]
    found = validate_table(table)
    (finding,) = [each for each in found if each.where.startswith(where) and what in each.what]
    assert finding.severity == severity
    assert finding.count == count
    assert finding.advice


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("label missing", ["v00$_$3"]),
        ("NaN", ["v00$_$2"]),
        ("id twice", ["v00$_$0"]),
        ("video in two splits", ["v00"]),
        ("text empty", ["v10$_$1"]),
        ("split of zeros", ["v10$_$0", "v10$_$1", "v10$_$2"]),
        ("feature constant", ["1"]),
    ],
)
def test_a_problem_names_the_first_that_have_it(name, first):
    table, _, where, what, _ = PLANTED[name]
    found = validate_table(table)
    assert [f.first for f in found if f.where.startswith(where) and what in f.what] == [first]


def test_all_problems_are_listed_at_once_the_errors_first():
    table = with_values(labels(TRAIN[:4], np.nan), "audio", row_2=np.nan)
    table = replace(table, texts=changed(table.texts, 3, ""), ids=changed(table.ids, 1, "v00$_$0"))
    found = validate_table(table, expected=Expectations(feature_dims={"audio": 74, "text": 768}))
    assert [finding.severity for finding in found] == ["error"] * 5 + ["warning"]
    assert {finding.where.partition(",")[0] for finding in found} == {
        *("ids", "texts", "label", "audio", "text")
    }


def test_an_id_in_two_splits_is_told_as_such():
    found = validate_table(replace(TABLE, ids=changed(TABLE.ids, TEST[0], TABLE.ids[0])))
    assert found[0].where == "ids, 1 of them across splits"


def test_labels_are_compared_with_the_range_asked_for_or_told_by_the_format():
    inside = replace(TABLE, labels=np.clip(TABLE.labels, -3, 3))
    assert validate_table(inside, expected=Expectations(label_range=(-3, 3))) == []
    told = replace(inside, info={"name": "CH-SIMS", "label_range": [-1, 1]})
    found = validate_table(told)
    assert {finding.where for finding in found} == {"label, train", "label, val", "label, test"}
    outside = (np.abs(TABLE.labels[TRAIN]) > 1).sum()
    assert found[0].what.startswith(f"{outside} labels outside -1 to 1, from -")
    assert found[0].severity == "error"
    assert validate_table(told, expected=Expectations(label_range=(-3, 3))) == []


@pytest.mark.parametrize(
    ("counts", "scale", "name"),
    [((1284, 229, 686), 3, "MOSI"), ((1368, 456, 457), 1, "CH-SIMS"), ((900, 100, 100), 3, None)],
)
def test_single_labels_outside_are_mistakes_and_change_no_scale(counts, scale, name, tmp_path):
    rng = np.random.default_rng(0)
    splits = np.repeat(["train", "val", "test"], counts)
    labels = rng.uniform(-scale, scale, len(splits))
    labels[[5, 7]] = 30, -2 * scale
    rows = [
        f"text {n},{label},{s}" for n, (label, s) in enumerate(zip(labels, splits, strict=True))
    ]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["text,label,split", *rows]))
    table = read_table(path)
    assert table.info.get("name") == name
    assert table.info["label_range"] == [-scale, scale]
    (finding,) = validate_table(table)
    severity = "error" if name else "warning"  # where the range is a guess
    assert (finding.severity, finding.count, finding.where) == (severity, 2, "label, train")


def test_labels_on_a_scale_of_their_own_are_beyond_what_configs_assume():
    found = validate_table(replace(TABLE, labels=10 * TABLE.labels, info={}))
    assert {finding.severity for finding in found} == {"warning"}
    assert "outside -3 to 3" in found[0].what
    assert "label_range in a config" in found[0].advice


def test_who_names_the_range_knows_the_scale():
    table = replace(TABLE, labels=np.linspace(1, 5, TOTAL, dtype=np.float32)[:, None])
    assert validate_table(table, expected=Expectations(label_range=(1, 5))) == []


def test_float32_bounds_are_inside_the_range():
    signs = 1 - 2 * (np.arange(TOTAL)[:, None] % 2)
    table = replace(TABLE, labels=np.float32(0.7) * signs)
    assert validate_table(table, expected=Expectations(label_range=(-0.7, 0.7))) == []


def test_further_labels_may_be_missing_but_not_outside_the_range():
    extra = np.full((TOTAL, 1), np.nan, np.float32)
    table = replace(TABLE, extra_labels={"audio": extra})
    assert validate_table(table, expected=Expectations(label_range=(-3, 3))) == []
    table = replace(TABLE, extra_labels={"audio": changed(extra, 0, 5)})
    (finding,) = validate_table(table, expected=Expectations(label_range=(-3, 3)))
    assert finding.where == "label audio, train"


@pytest.mark.parametrize("width", [5, 6])
def test_widths_are_compared_with_those_expected(width):
    found = validate_table(TABLE, expected=Expectations(feature_dims={"audio": width}))
    assert [finding.what for finding in found] == (
        [] if width == 5 else ["5 features a step, expected 6"]
    )


def test_the_splits_that_must_be_there_can_be_chosen():
    table = splits(np.where(SPLIT == "val", "train", SPLIT))
    assert validate_table(table, expected=Expectations(splits=("train", "test"))) == []


@pytest.mark.parametrize("name", ["valid", "validation", "dev"])
def test_other_names_of_the_validation_split_count(name):
    assert validate_table(splits(np.where(SPLIT == "val", name, SPLIT))) == []


@pytest.mark.parametrize(("name", "written"), [("train", "Training"), ("test", " TEST ")])
def test_splits_are_known_in_any_case(name, written):
    table = splits(np.where(name == SPLIT, written, SPLIT))
    assert validate_table(table) == []
    assert (split_rows(table, "split", name) == np.flatnonzero(name == SPLIT)).all()


def test_an_unknown_split_column_is_an_error_of_the_caller():
    with pytest.raises(ValueError, match=r"must be one of 'split', got 'splt'"):
        validate_table(TABLE, "splt")


@pytest.mark.parametrize("steps", [1, 12])
def test_wide_features_of_one_step_or_of_varying_length_are_no_swapped_axes(steps):
    rng = np.random.default_rng(0)
    lengths = np.full(TOTAL, 1) if steps == 1 else rng.integers(2, steps, TOTAL)
    values = rng.normal(size=(lengths.sum(), 768)).astype(np.float32)
    table = with_sequences(TABLE, "vision", RaggedArray.from_lengths(values, lengths))
    assert validate_table(table) == []


def test_sparse_features_are_no_swapped_axes():
    rng = np.random.default_rng(0)
    values = np.array(TABLE.sequences["vision"].values)
    values *= rng.random(values.shape) < rng.random(9)  # each feature is zero in its own share
    values[:, -1] = 0
    offsets = TABLE.sequences["vision"].offsets
    found = validate_table(with_sequences(TABLE, "vision", RaggedArray(values, offsets)))
    assert not [finding for finding in found if "axes" in finding.what]
