import json
import pickle
import sys
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from csd_files import (
    average,
    mmsdk,
    regular,
    sdk_align,
    synthetic_sequences,
    write_csd,
    write_folder,
)

from pgf_plugin.cli import main
from pgf_plugin.datasets import checks
from pgf_plugin.datasets.formats.csd import is_csd, read_csd
from pgf_plugin.datasets.scan import scan
from pgf_plugin.datasets.standard_folds import standard_folds
from pgf_plugin.errors import ConfigError, DataError

FOLDS = {"train": ["one", "two"], "test": ["three"]}
read = partial(read_csd, folds=FOLDS)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path, synthetic_sequences())


def test_labels_alignment_is_that_of_mmsdk(folder):
    sequences = synthetic_sequences()
    expected = sdk_align(sequences, "Opinion Segment Labels")
    table = read(folder)
    assert sorted(table.ids) == sorted(expected["Opinion Segment Labels"])
    for row, key in enumerate(table.ids):
        label = expected["Opinion Segment Labels"][key]
        assert table.labels[row] == label["features"][0]
        words = [word.decode() for word in expected["words"][key]["features"][:, 0]]
        assert table.texts[row].split() == [word for word in words if word not in ("sp", "")]
        for name, source in (("audio", "COVAREP"), ("vision", "FACET")):
            steps = expected[source].get(key)
            if steps is None:
                assert len(table.sequences[name][row]) == 0
                continue
            features = steps["features"].astype("f4")
            np.testing.assert_array_equal(table.sequences[name][row], features)
            times = steps["intervals"] - label["intervals"][0, 0]
            np.testing.assert_allclose(table.times[name][row], times, atol=1e-5)


def test_words_alignment_is_that_of_mmsdk_where_every_word_has_audio(folder):
    sequences = synthetic_sequences()
    labels = sequences.pop("Opinion Segment Labels")
    by_word = sdk_align({n: sequences[n] for n in ("words", "COVAREP")}, "words", average)
    again = {
        name: {key: (entry["intervals"], entry["features"]) for key, entry in entries.items()}
        for name, entries in by_word.items()
    }
    expected = sdk_align({"labels": labels, **again}, "labels")
    table = read(folder, align="words")
    for row, key in enumerate(table.ids):
        words = expected["words"][key]["features"][:, 0]
        spoken = ~np.isin(words, [b"sp", b""])
        assert [word.decode() for word in words[spoken]] == table.texts[row].split()
        averages = expected["COVAREP"][key]["features"][spoken]
        np.testing.assert_allclose(table.sequences["audio"][row], averages, rtol=1e-5, atol=1e-6)


def test_every_modality_has_one_step_a_word(folder):
    # mmsdk leaves out words that no vision overlaps, so that the third word may have the second
    # step; here they are zeros.
    table = read(folder, align="words")
    counts = [len(text.split()) for text in table.texts]
    for modality in ("audio", "vision"):
        assert table.sequences[modality].lengths.tolist() == counts
        assert table.times[modality].lengths.tolist() == counts
    steps = np.concatenate([table.sequences["vision"][row] for row in range(len(table))])
    unseen = ~steps.any(axis=1)
    assert 0 < unseen.sum() < len(steps)


def test_words_have_their_times(folder):
    table = read(folder)
    videos = synthetic_sequences()["Opinion Segment Labels"]
    words = synthetic_sequences()["words"]
    for row, key in enumerate(table.ids):
        video, index = key[:-1].split("[")
        start, end = videos[video][0][int(index)]
        times = table.times["words"][row]
        assert len(times) == len(table.texts[row].split())
        assert times.min() >= 0
        assert times.max() <= end - start + 1e-5
        for word, (begin, stop) in zip(table.texts[row].split(), times + start, strict=True):
            step = int((begin + stop) / 2 // 0.5)
            assert words[video][1][step, 0] == word.encode()


def test_features_stay_in_their_files_and_select_keeps_times(folder):
    table = read(folder)
    rows = np.array([11, 0, 5])
    part = table.select(rows, {"audio": 2})
    for place, row in enumerate(rows):
        audio = table.sequences["audio"][row]
        np.testing.assert_array_equal(part.sequences["audio"][place], audio[:2])
        np.testing.assert_array_equal(part.times["audio"][place], table.times["audio"][row][:2])
        np.testing.assert_array_equal(part.times["words"][place], table.times["words"][row])
    copy = pickle.loads(pickle.dumps(table.sequences["audio"]))
    np.testing.assert_array_equal(copy.values, table.sequences["audio"].values)
    (folder / "COVAREP.csd").unlink()
    with pytest.raises(DataError, match=r"COVAREP\.csd cannot be read"):
        table.sequences["audio"][4]


def test_a_file_is_read_with_those_beside_it(folder):
    (folder / "notes.txt").write_text("not a sequence")
    one = read(folder / "COVAREP.csd")
    assert one.ids == read(folder).ids
    assert set(one.sequences) == {"audio", "vision"}
    assert is_csd(folder, b"")
    assert is_csd(folder / "COVAREP.csd", (folder / "COVAREP.csd").read_bytes()[:8])
    assert not is_csd(folder / "notes.txt", b"not a se")


def test_splits_follow_the_folds(folder, tmp_path):
    expected = ["train"] * 4 + ["test"] * 4 + ["train"] * 4
    assert [each.split("[")[0] for each in read(folder).ids[::4]] == ["one", "three", "two"]
    by_video = {"one": "train", "two": "train", "three": "test"}
    (tmp_path / "folds.json").write_text(json.dumps(by_video))
    for folds in (FOLDS, by_video, tmp_path / "folds.json", str(tmp_path / "folds.json")):
        assert read_csd(folder, folds=folds).splits["split"].tolist() == expected
    assert read_csd(folder, folds="none").splits == {}
    only = read_csd(folder, folds={"one": "train"}).splits["split"]
    assert sorted(set(only.tolist())) == ["", "train"]


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (None, "in no standard folds .mosi, mosei, pom.: set folds"),
        ("mosi", "mosi and the labels share no video"),
        ("mosey", "folds must be one of 'mosi', 'mosei', 'pom'"),
        ({"one": 1}, "both must be text"),
        ({"train": ["one"], "test": ["one"]}, "has 'one' in 'train' and 'test'"),
        ("broken.json", "is no JSON"),
        ("list.json", "must be a mapping"),
        (5, "folds must be one of 'mosi', .* the path of a JSON file, or a mapping .*got 5"),
    ],
)
def test_folds_that_do_not_fit(folder, folds, message, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "broken.json").write_text("{")
    (folder / "list.json").write_text("[]")
    with pytest.raises(ValueError, match=message):
        read_csd(folder, folds=folds)


@pytest.mark.parametrize("name", ["mosi", "mosei", "pom"])
def test_standard_folds_are_told_by_the_videos(tmp_path, name):
    module = {"mosi": mmsdk.cmu_mosi, "mosei": mmsdk.cmu_mosei, "pom": mmsdk.pom}[name]
    folds = module.standard_folds
    splits = {"train": folds.standard_train_fold, "valid": folds.standard_valid_fold}
    splits["test"] = folds.standard_test_fold
    videos = {video: split for split, several in splits.items() for video in list(several)[:3]}
    sequences = {
        "labels": {v: (regular(1, 1.0), np.ones((1, 1))) for v in videos},
        "words": {v: (regular(1, 1.0), np.array([[b"yes"]])) for v in videos},
    }
    table = read_csd(write_folder(tmp_path, sequences))
    assert {
        i.split("[")[0]: s for i, s in zip(table.ids, table.splits["split"], strict=True)
    } == videos
    assert table.info.get("label_range") == (None if name == "pom" else [-3.0, 3.0])


def test_mmsdk_is_imported_without_its_warnings(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))  # as if never compiled
    for name in [name for name in sys.modules if name.split(".")[0] == "mmsdk"]:
        monkeypatch.delitem(sys.modules, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(standard_folds("mosi")) == 93


def test_missing_extra_tells_the_command(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "pgf-plugin\[mmsdk\]"'):
        read(folder)


def test_further_label_columns_are_extra_labels(tmp_path):
    sequences = synthetic_sequences()
    names = ["sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear"]
    labels = {
        video: (intervals, np.arange(28, dtype="f4").reshape(4, 7))
        for video, (intervals, _) in sequences.pop("Opinion Segment Labels").items()
    }
    write_folder(tmp_path, sequences)
    write_csd(tmp_path / "All_Labels.csd", "All Labels", labels)
    table = read(tmp_path)
    assert table.labels.ravel().tolist() == [0, 7, 14, 21] * 3
    assert list(table.extra_labels) == names[1:]
    assert table.extra_labels["fear"].ravel().tolist() == [6, 13, 20, 27] * 3
    own = [f"dimension {name}" for name in names]
    for text in (json.dumps(own), str(own)):  # str is what mmsdk writes of a list
        path = tmp_path / "All_Labels.csd"
        write_csd(path, "All Labels", labels, **{"dimension names": text})
        assert list(read(tmp_path).extra_labels) == own[1:]
    write_csd(path, "All Labels", labels, **{"dimension names": '{"wrong": [1]}'})
    assert list(read(tmp_path).extra_labels) == names[1:]


def test_labels_in_two_files_are_joined_by_interval(tmp_path):
    sequences = synthetic_sequences()
    sentiment = sequences["Opinion Segment Labels"]
    emotions = {
        video: (intervals[2:].astype("f8"), np.arange(12.0).reshape(2, 6))
        for video, (intervals, _) in sentiment.items()
        if video != "two"
    }
    write_folder(tmp_path, sequences)
    write_csd(tmp_path / "Emotion_Labels.csd", "Emotion Labels", emotions)
    for labels in (None, "Opinion_Segment_Labels.csd,Emotion Labels"):
        table = read(tmp_path, labels=labels)
        fear = table.extra_labels["fear"].reshape(3, 4)  # of one, three, two
        expected = [[np.nan, np.nan, 5, 11]] * 2 + [[np.nan] * 4]
        np.testing.assert_array_equal(fear, expected)


def test_hidden_files_are_no_sequences(folder):
    expected = read(folder)
    (folder / "._COVAREP.csd").write_bytes(b"\x00\x05\x16\x07")  # as macOS writes it
    table = read(folder)
    assert (table.ids, table.info["files"]) == (expected.ids, expected.info["files"])


def test_sequences_are_chosen_by_name(folder):
    sequences = synthetic_sequences(1)
    write_csd(folder / "openSMILE.csd", "OpenSMILE", sequences["COVAREP"])
    with pytest.raises(DataError, match=r"may be the audio.*COVAREP\.csd.*openSMILE\.csd"):
        read(folder)
    for name in ("openSMILE.csd", "openSMILE", "OpenSMILE"):
        assert read(folder, audio=name).info["files"][-2].endswith("openSMILE.csd")
    assert set(read(folder, audio="none").sequences) == {"vision"}
    with pytest.raises(ValueError, match=r"audio must be one of .*Did you mean 'openSMILE"):
        read(folder, audio="openSMIL")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"audio": 1}, "audio must be text, or a list of texts, got 1"),
        ({"labels": ["a", 2]}, r"labels must be text, or a list of texts, got \['a', 2\]"),
        ({"pauses": 5}, "pauses must be text, or a list of texts, got 5"),
        ({"skip_nonfinite": "false"}, "skip_nonfinite must be True or False, got 'false'"),
    ],
)
def test_options_of_another_type(folder, options, message):
    with pytest.raises(ValueError, match=message):
        read(folder, **options)


def test_one_pause_is_no_list_of_letters(folder):
    words = {word for text in read(folder).texts for word in text.split()}
    assert read(folder, pauses=min(words)).texts == read(folder, pauses=[min(words)]).texts
    assert read(folder, pauses="".join(sorted(words))).texts == read(folder, pauses=[]).texts


def test_a_sequence_that_cannot_be_told_is_asked_for(folder):
    (folder / "FACET.csd").rename(folder / "kept.txt")
    write_csd(folder / "f1.csd", "f1", synthetic_sequences()["FACET"])
    with pytest.raises(DataError, match=r"cannot tell what \['f1.csd'\] is.*f1'\) with 5 numbers"):
        read(folder)
    assert read(folder, vision="f1.csd").sequences["vision"].width == 5
    assert set(read(folder, vision="none", text="none").sequences) == {"audio"}


def test_word_vectors_can_stand_for_words(folder):
    write_csd(
        folder / "glove_vectors.csd",
        "glove_vectors",
        {v: (i, np.ones((24, 4))) for v, (i, _) in synthetic_sequences()["words"].items()},
    )
    with_words = read(folder, align="words")
    assert with_words.sequences["text"].lengths.tolist() == [
        len(text.split()) for text in with_words.texts
    ]
    without = read(folder, align="words", words="none")
    assert set(without.texts) == {""}
    assert (without.sequences["audio"].lengths == without.sequences["text"].lengths).all()
    (folder / "glove_vectors.csd").unlink()
    with pytest.raises(DataError, match="align='words' needs a sequence of words"):
        read(folder, align="words", words="none")


def test_steps_with_nan_are_kept_skipped_or_refused_with_names(tmp_path):
    sequences = synthetic_sequences()
    for _, features in sequences["COVAREP"].values():
        features[::7, 1] = -np.inf
        features[3::7, 2] = np.nan
    write_folder(tmp_path, sequences)
    table = read(tmp_path)
    rows = np.arange(len(table))
    found = scan(table.sequences["audio"], rows)
    with pytest.raises(DataError, match=r"audio holds \d+ values of NaN or inf, first in 'one"):
        checks.check_finite(table, "audio", found, rows)
    assert not np.isfinite(read(tmp_path, align="words").sequences["audio"].values).all()
    skipping = read(tmp_path, align="words", skip_nonfinite=True).sequences["audio"].values
    assert np.isfinite(skipping).all()
    with pytest.raises(ConfigError, match="skip_nonfinite"):
        read(tmp_path, skip_nonfinite=True)


def test_videos_that_a_sequence_lacks_are_left_out(tmp_path):
    sequences = synthetic_sequences()
    del sequences["FACET"]["two"]
    # mmsdk compares the beginnings of names, and takes this for the video that it lacks.
    sequences["FACET"]["two-b"] = sequences["FACET"]["one"]
    with pytest.raises(KeyError):
        sdk_align(sequences, "Opinion Segment Labels")
    table = read(write_folder(tmp_path, sequences))
    assert {each.split("[")[0] for each in table.ids} == {"one", "three"}
    assert table.info["videos_left_out"] == 1


@pytest.mark.parametrize("name", ["COVAREP", "FACET", "words", "Opinion Segment Labels"])
def test_intervals_of_another_unit_are_told(tmp_path, name, capsys):
    sequences = synthetic_sequences()
    sequences[name] = {
        video: (intervals * 1000.0, values)
        for video, (intervals, values) in sequences[name].items()
    }
    for intervals, _ in sequences[name].values():
        intervals[0, 0] = 0  # so that something overlaps
    folder = write_folder(tmp_path, sequences)
    warnings = read(folder).info["warnings"]
    assert len(warnings) == (3 if name == "Opinion Segment Labels" else 1)
    assert all("milliseconds or frames? Both must be seconds" in each for each in warnings)
    (folder / "folds.json").write_text(json.dumps(FOLDS))
    folds = str(folder / "folds.json")
    main(["data", "validate", str(folder), "--option", f"folds={folds}"])
    assert "milliseconds or frames?" in " ".join(capsys.readouterr().out.split())
    convert = ["data", "convert", str(folder), str(tmp_path / "store")]
    assert main([*convert, "--option", f"folds={folds}", "--allow", "empty-text"]) == 0
    assert "milliseconds or frames?" in capsys.readouterr().out


def test_videos_that_go_on_after_their_utterances_are_no_other_unit(tmp_path):
    sequences = synthetic_sequences()
    for name in ("COVAREP", "FACET"):
        intervals, values = sequences[name]["two"]
        sequences[name]["two"] = (
            np.concatenate([intervals, [[900, 901]]]),
            values[[*range(len(values)), 0]],
        )
    assert "warnings" not in read(write_folder(tmp_path, sequences)).info


def test_a_sequence_that_was_aligned_before(folder, tmp_path):
    whole = read(folder)
    sequences = synthetic_sequences()
    aligned = sdk_align(sequences, "Opinion Segment Labels")
    (tmp_path / "aligned").mkdir()
    again = {
        name: {key: (entry["intervals"], entry["features"]) for key, entry in entries.items()}
        for name, entries in aligned.items()
    }
    table = read(write_folder(tmp_path / "aligned", again))
    order = [table.ids.index(key) for key in whole.ids]
    table = replace(table, times={}).select(np.array(order))
    assert table.ids == whole.ids
    np.testing.assert_array_equal(table.labels, whole.labels)
    np.testing.assert_array_equal(table.sequences["audio"].values, whole.sequences["audio"].values)
