"""What MMSA, MMSA-FET and MulT write, beyond the plain aligned and unaligned files."""

import warnings

import numpy as np
import pytest
from mmsa_files import SIZES, TOKENS, mmsa_content, write_mmsa

from pgf_plugin.datasets.formats import read_table
from pgf_plugin.errors import ConfigError, DataError

COUNT = sum(SIZES.values())


@pytest.fixture
def content():
    return mmsa_content(aligned=False)


@pytest.fixture
def write(tmp_path):
    return lambda content, name="features.pkl": write_mmsa(tmp_path / name, content)


def with_unimodal_labels(content):
    for split in content.values():
        split["regression_labels"] = np.clip(split["regression_labels"], -1, 1)
        for position, key in enumerate("TAV"):
            split[f"regression_labels_{key}"] = split["regression_labels"] * (position + 1) / 4
    return content


def test_labels_of_one_modality(write, content):
    table = read_table(write(with_unimodal_labels(content)))
    for position, name in enumerate(("text", "audio", "vision")):
        labels = table.extra_labels[name]
        assert labels.shape == (COUNT, 1)
        np.testing.assert_allclose(labels, table.labels * (position + 1) / 4, rtol=1e-6)
    assert table.extra_labels["classification"].ravel().tolist() == [
        each for split in content.values() for each in split["classification_labels"]
    ]
    assert table.info["label_range"] == [-1.0, 1.0]


def test_what_is_known_of_the_data(write, content):
    file = write(content)
    told = {"format": "mmsa", "label_range": [-3.0, 3.0], "aligned": False, "files": [str(file)]}
    assert read_table(file).info == told
    assert read_table(write(mmsa_content(aligned=True))).info["aligned"]


@pytest.mark.parametrize(
    ("counts", "name"),
    [
        ((1284, 229, 686), "MOSI"),
        ((16326, 1871, 4659), "MOSEI"),
        ((1368, 456, 457), "CH-SIMS"),
        ((2722, 647, 1034), "CH-SIMS v2"),
        ((1284, 229, 685), None),
    ],
)
def test_published_data_are_known_by_their_counts(write, counts, name):
    limit = 1 if name and name.startswith("CH") else 3
    splits = {
        split: {"id": list(range(count)), "regression_labels": np.full(count, limit / 2)}
        for split, count in zip(("train", "valid", "test"), counts, strict=True)
    }
    table = read_table(write(splits))
    assert table.info.get("name") == name
    assert table.info["label_range"] == [-limit, limit]


def test_features_of_separate_files_are_matched_by_id(write, content):
    other = mmsa_content(aligned=False, seed=5)
    for name, split in other.items():
        order = np.random.default_rng(1).permutation(SIZES[name])
        for key, values in split.items():
            split[key] = np.asarray(values)[order]
    order = {"test": other["test"], "train": other["train"], "valid": other["valid"]}
    main, audio = write(content), write(order, "audio.pkl")
    table = read_table(main, audio_file=audio)
    plain = read_table(main)
    assert table.ids == plain.ids
    np.testing.assert_array_equal(
        table.sequences["vision"].values, plain.sequences["vision"].values
    )
    rows = {str(each): (s, i) for s in order.values() for i, each in enumerate(s["id"])}
    for row, sample_id in enumerate(table.ids):
        split, index = rows[sample_id]
        expected = split["audio"][index, : split["audio_lengths"][index]]
        np.testing.assert_array_equal(table.sequences["audio"][row], expected)


def test_separate_text_brings_its_lengths(write, content):
    text = mmsa_content(aligned=True, seed=9)
    table = read_table(write(content), text_file=str(write(text, "text.pkl")))
    lengths = np.concatenate([split["text_bert"][:, 1].sum(1) for split in text.values()])
    assert table.sequences["text"].lengths.tolist() == lengths.tolist()
    audio = np.concatenate([split["audio_lengths"] for split in content.values()])
    assert table.sequences["audio"].lengths.tolist() == audio.tolist()


def test_separate_file_may_bring_a_modality(write, content):
    whole = read_table(write(content, "whole.pkl"))
    for split in content.values():
        del split["vision"], split["vision_lengths"]
    table = read_table(write(content), vision_file=whole.source)
    np.testing.assert_array_equal(
        table.sequences["vision"].values, whole.sequences["vision"].values
    )


def test_separate_file_that_does_not_fit(tmp_path, write, content):
    main = write(content)
    other = mmsa_content(aligned=False)
    other["test"]["id"][1] = "another"
    with pytest.raises(DataError, match=r"no features of 1 of the 13 .*first 'test\$_\$1'"):
        read_table(main, audio_file=write(other, "audio.pkl"))
    other["test"]["id"][1] = "test$_$1"
    other["valid"]["id"] = ["train$_$0", *other["valid"]["id"][1:]]
    other["train"]["id"] = ["valid$_$0", "valid$_$0", *other["train"]["id"][2:]]
    with pytest.raises(DataError, match="no features of 1 of the 13"):
        read_table(main, audio_file=write(other, "audio.pkl"))
    del other["valid"]["audio"]
    with pytest.raises(DataError, match=r"the splits \['valid'\] have no audio features"):
        read_table(main, audio_file=write(other, "audio.pkl"))
    with pytest.raises(FileNotFoundError, match=r"audio_file: there is no file .*missing"):
        read_table(main, audio_file=tmp_path / "missing.pkl")
    with pytest.raises(ConfigError, match="audio_file must be the path of a file, got 5"):
        read_table(main, audio_file=5)


def test_repeated_ids_are_kept_but_cannot_be_matched(write, content):
    content["train"]["id"][1] = content["train"]["id"][0]
    main = write(content)
    assert len(read_table(main)) == COUNT
    other = write({name: content[name] for name in ("test", "valid", "train")}, "audio.pkl")
    with pytest.raises(DataError, match="1 ids occur more than once"):
        read_table(main, audio_file=other)
    same = read_table(main, audio_file=write(content, "same.pkl"))
    assert len(same.sequences["audio"]) == COUNT


def pad_at_start(split):
    """Everything, as MMSA-FET does with ``padding_location='start'``."""
    mask = split["text_bert"][:, 1]
    split["text_bert"] = split["text_bert"][:, :, ::-1].copy()
    lengths = {"text": mask.sum(1), **{n: split[f"{n}_lengths"] for n in ("audio", "vision")}}
    for name, steps in lengths.items():
        rolled = [
            np.roll(padded, len(padded) - n, axis=0)
            for padded, n in zip(split[name], steps, strict=True)
        ]
        split[name] = np.stack(rolled)


def test_padding_at_the_start(write, content):
    expected = read_table(write(content, "end.pkl"))
    for split in content.values():
        pad_at_start(split)
    path = write(content)
    with pytest.raises(DataError, match=r"text is padded at the start.*set padding='start'"):
        read_table(path)
    table = read_table(path, padding="start")
    for name in ("audio", "vision"):
        np.testing.assert_array_equal(table.sequences[name].values, expected.sequences[name].values)
    with pytest.raises(DataError, match="padded at the end, but padding is 'start'"):
        read_table(expected.source, padding="start")
    with pytest.raises(ValueError, match="padding must be one of 'end', 'start'"):
        read_table(path, padding="both")


def test_files_of_mult(write, content):
    """MulT: labels (N, 1, 1), ids of three parts as bytes, no lengths, padded at the start."""
    expected = read_table(write(content, "mmsa.pkl"))
    mult = {}
    for name, split in content.items():
        pad_at_start(split)
        mult[name] = {key: split[key] for key in ("text", "audio", "vision")}
        mult[name]["labels"] = split["regression_labels"].reshape(-1, 1, 1)
        mult[name]["id"] = np.array([[each.encode(), b"0.5", b"2.5"] for each in split["id"]])
    with pytest.raises(DataError, match="set padding='start'"):
        read_table(write(mult))
    table = read_table(write(mult), padding="start")
    assert table.ids[0] == "train$_$0_0.5_2.5"
    assert set(table.texts) == {""}
    np.testing.assert_array_equal(table.labels, expected.labels)
    np.testing.assert_array_equal(
        table.sequences["audio"].values, expected.sequences["audio"].values
    )


def test_text_features_of_bert_are_not_taken_for_padded_at_the_start(write, content):
    for split in content.values():
        split["text"] = split["text"] + 1.0  # BERT's features of its padding are not zero
    table = read_table(write(content))
    lengths = np.concatenate([split["text_bert"][:, 1].sum(1) for split in content.values()])
    assert table.sequences["text"].lengths.tolist() == lengths.tolist()


AXES = r"looks like \(N, D, T\), expected \(N, T, D\): transpose it"


@pytest.mark.parametrize("name", ["text", "audio", "vision"])
@pytest.mark.parametrize("aligned", [True, False])
def test_axes_in_another_order(write, name, aligned):
    content = mmsa_content(aligned=aligned)
    for split in content.values():
        split[name] = split[name].swapaxes(1, 2).copy()
    with pytest.raises(DataError, match=AXES):
        read_table(write(content))


def test_steps_first(write, content):
    content["train"]["audio"] = content["train"]["audio"].swapaxes(0, 1).copy()
    with pytest.raises(DataError, match=r"audio \(15, 6, 5\) looks like \(T, N, D\)"):
        read_table(write(content))


def test_unaligned_file_without_lengths_ends_with_its_last_step(write, content):
    lengths = [split.pop("audio_lengths") for split in content.values()]
    table = read_table(write(content))
    assert table.sequences["audio"].lengths.tolist() == [n for part in lengths for n in part]


def test_utterances_without_label(write, content):
    """CH-SIMS v2 keeps what has no label in a file of its own, or masks it in ``train_mix``."""
    mixed = {key: np.asarray(values) for key, values in content["train"].items()}
    mixed["mask"] = np.array([1, 1, 1, 1, 0, 0])
    content["train_mix"] = mixed
    table = read_table(write(with_unimodal_labels(content)))
    of_mix = table.splits["split"] == "train_mix"
    assert np.isnan(table.labels[of_mix]).ravel().tolist() == [False] * 4 + [True] * 2
    assert np.isnan(table.extra_labels["audio"][of_mix]).sum() == 2
    assert not np.isnan(table.labels[~of_mix]).any()

    del content["train_mix"]["regression_labels"]
    path = write(content)
    with pytest.raises(DataError, match=r"'train_mix': no 'regression_labels'.*unlabelled='keep'"):
        read_table(path)
    assert np.isnan(read_table(path, unlabelled="keep").labels[of_mix]).all()


def test_labels_of_a_modality_that_one_split_lacks(write, content):
    del with_unimodal_labels(content)["test"]["regression_labels_A"]
    labels = read_table(write(content)).extra_labels["audio"]
    assert np.isnan(labels).ravel().tolist() == [False] * 9 + [True] * 4


def test_modality_that_one_split_lacks_is_noted(write, content):
    del content["test"]["vision"]
    table = read_table(write(content))
    assert list(table.sequences) == ["text", "audio"]
    assert table.info["notes"] == ["vision is left out: the splits ['test'] have none"]


def test_texts_of_any_kind(write, content):
    content["train"]["raw_text"] = [
        "a",
        b"b\xc3\xa4",
        ["two", "words"],
        float("nan"),
        None,
        "\u4f60",
    ]
    assert read_table(write(content)).texts[:6] == ["a", "bä", "two words", "", "", "你"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("audio_lengths", [np.nan] * 6, "first -1 of"),
        ("audio_lengths", [np.inf] * 6, "first -1 of"),
        ("id", "abc", "id must be a list, got a str"),
        ("raw_text", 5, "raw_text must be a list"),
        ("raw_text", np.array([b"\xff\xff\xff\xff"] * 6).view("<U1"), "beyond Unicode"),
        ("audio", [[1, 2], [3]], "audio is no regular array"),
        ("regression_labels", [1e300] * 5, "regression_labels has 5 rows, but id has 6"),
        ("regression_labels", np.ones((6, 7)), r"has the shape \(6, 7\), .*keep the one column"),
    ],
)
def test_malformed_values_are_named(write, content, key, value, message):
    content["train"][key] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=message):
            read_table(write(content))


def test_features_of_any_type_are_read_as_float32(write, content):
    for split in content.values():
        split["audio"] = split["audio"].astype(">f8")
        split["vision"] = np.asfortranarray(split["vision"].astype(np.float16))
    table = read_table(write(content))
    expected = content["valid"]["audio"][0, : content["valid"]["audio_lengths"][0]]
    np.testing.assert_allclose(table.sequences["audio"][SIZES["train"]], expected, rtol=1e-6)
    assert table.sequences["vision"][0].dtype == np.float32
    assert table.sequences["text"].lengths.max() <= TOKENS


@pytest.mark.parametrize("features", [5, 50])
def test_steps_are_not_tokens_because_there_are_as_many(write, features):
    """Audio without lengths that has as many steps, or features, as the text has tokens."""
    content, random = mmsa_content(aligned=False), np.random.default_rng(0)
    for split in content.values():
        tokens = split["text_bert"].shape[2]
        steps, width = (tokens, features) if features == 5 else (20, tokens)
        split["audio"] = random.normal(size=(len(split["id"]), steps, width)).astype(np.float32)
        split.pop("audio_lengths")
    audio = read_table(write(content)).sequences["audio"]
    assert set(audio.lengths.tolist()) == {steps}
    assert audio.width == width
