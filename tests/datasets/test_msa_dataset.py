import os

import numpy as np
import pytest
from mmsa_files import AUDIO_STEPS, SIZES, mmsa_content, write_mmsa
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from pgf_plugin.datasets import MSADataset, msa_collate
from pgf_plugin.datasets.formats import load_table
from pgf_plugin.datasets.scaling import FeatureScaler
from pgf_plugin.errors import ConfigError, DataError

AV = ("audio", "vision")


@pytest.fixture
def content():
    return mmsa_content(aligned=False)


@pytest.fixture
def write(tmp_path):
    def write(content) -> str:
        return str(write_mmsa(tmp_path / "features.pkl", content))

    return write


def table(tmp_path, **changes) -> str:
    """Write a small ``.npz`` table; a change of None leaves the key out."""
    rng = np.random.default_rng(0)
    arrays = {
        "id": np.array([f"v_{row}" for row in range(8)]),
        "raw_text": np.array([f"TEXT {row}" for row in range(8)]),
        "label": np.linspace(-3, 3, 8, dtype=np.float32),
        "audio": rng.normal(50, 20, (8, 4)).astype(np.float32),
        "split_standard": np.array(["train"] * 4 + ["valid"] * 2 + ["test"] * 2),
        **changes,
    }
    path = tmp_path / "table.npz"
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return str(path)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_mmsa_sequences_come_without_padding(write, aligned, split):
    content = mmsa_content(aligned=aligned)
    key = "valid" if split == "val" else split
    dataset = MSADataset(write(content), split, modalities=AV, normalize=())
    assert len(dataset) == SIZES[key]
    for row in range(len(dataset)):
        sample = dataset[row]
        assert sample["sample_id"] == content[key]["id"][row]
        assert sample["raw_text"] == content[key]["raw_text"][row]
        assert sample["label"] == content[key]["regression_labels"][row]
        for name in AV:
            padded = content[key][name][row]
            length = (
                content[key]["text_bert"][row, 1].sum()
                if aligned
                else content[key][f"{name}_lengths"][row]
            )
            np.testing.assert_array_equal(sample[name], padded[:length])


def test_mmsa_lengths_without_text_bert_end_at_the_last_step_that_is_not_zero(write):
    content = mmsa_content(aligned=True)
    masks = {name: split.pop("text_bert")[:, 1] for name, split in content.items()}
    content["train"]["audio"][0] = 0
    dataset = MSADataset(write(content), "train", modalities=("audio",), normalize=())
    lengths = [len(dataset[row]["audio"]) for row in range(len(dataset))]
    assert lengths == [0, *masks["train"].sum(1)[1:]]


def test_mmsa_text_features(write, content):
    dataset = MSADataset(write(content), "test", modalities=("text", "audio"), text_features=True)
    lengths = content["test"]["text_bert"][:, 1].sum(1)
    np.testing.assert_array_equal(dataset.text_lengths, lengths)
    batch = msa_collate([dataset[row] for row in range(len(dataset))])["inputs"]
    assert set(batch) == {"text", "attention_mask", "audio", "audio_mask"}
    assert batch["text"].shape == (4, lengths.max(), 8)
    np.testing.assert_array_equal(batch["attention_mask"].sum(1).numpy(), lengths)


@pytest.fixture
def cased_tokenizer(tmp_path) -> str:
    """A folder with a tokenizer that tells capitals apart: one id a word."""
    vocabulary = {"[UNK]": 0, "[PAD]": 1, "TEXT": 2, "text": 3}
    words = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    folder = tmp_path / "cased"
    PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]"
    ).save_pretrained(folder)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    return str(folder)


def test_tokens_come_from_the_configured_tokenizer(tmp_path, cased_tokenizer):
    path = table(tmp_path)
    arguments = {"modalities": ("text",), "tokenizer": cased_tokenizer}
    dataset = MSADataset(path, "train", **arguments)
    lowered = MSADataset(path, "train", **arguments, lower_case=True)
    assert dataset[0]["raw_text"] == lowered[0]["raw_text"] == "TEXT 0"
    assert dataset[0]["input_ids"].tolist() == [2, 0]
    assert lowered[0]["input_ids"].tolist() == [3, 0]
    assert dataset[0]["pad_token_id"] == 1
    assert dataset.text_lengths.tolist() == [2] * 4


def test_a_prefix_is_tokenized_and_no_part_of_the_transcript(tmp_path, cased_tokenizer):
    path = table(tmp_path)
    arguments = {"modalities": ("text",), "tokenizer": cased_tokenizer, "lower_case": True}
    plain = MSADataset(path, "train", **arguments)
    prefixed = MSADataset(path, "train", **arguments, text_prefix="TEXT ")
    assert prefixed[0]["raw_text"] == "TEXT 0"
    assert prefixed[0]["input_ids"].tolist() == [2, *plain[0]["input_ids"].tolist()]
    assert prefixed.prepare("text")["input_ids"].tolist() == [2, 3]
    with pytest.raises(ValueError, match="text_prefix must be a string that is not empty, got ''"):
        MSADataset(path, "train", **arguments, text_prefix="")


def test_max_steps_cuts(write, content):
    dataset = MSADataset(write(content), "train", modalities=AV, max_steps={"audio": 2})
    assert max(len(dataset[row]["audio"]) for row in range(6)) == 2
    assert max(len(dataset[row]["vision"]) for row in range(6)) > 2


def test_standardized_by_the_training_split_alone(write, content):
    content["test"]["audio"] += 1000.0
    path = write(content)
    train, test = (MSADataset(path, split, modalities=AV) for split in ("train", "test"))
    values = train.table.sequences["audio"].values
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(0), 1, atol=1e-4)
    assert (test.table.sequences["audio"].values == 5.0).all()


def test_padding_and_test_data_do_not_change_the_statistics(write, content):
    before = MSADataset(write(content), "train", modalities=AV).scalers["audio"]
    for split in content.values():
        split["audio"] = np.pad(split["audio"], ((0, 0), (0, 30), (0, 0)))
    content["valid"]["audio"] *= 9
    after = MSADataset(write(content), "train", modalities=AV).scalers["audio"]
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.std, after.std)


def test_constant_feature_and_outlier_stay_bounded():
    values = np.column_stack([np.full(100, 7.1), np.r_[np.zeros(99), 1e6]]).astype(np.float32)
    scaled = FeatureScaler.fit(values, limit=5.0)(values)
    np.testing.assert_allclose(scaled[:, 0], 0, atol=1e-5)
    assert scaled[:, 1].max() == 5.0


@pytest.mark.parametrize("scale", [1e-30, 3e-7, 1, 1e20])
def test_a_feature_that_varies_is_standardized_whatever_its_unit(scale):
    values = np.random.default_rng(0).normal(size=(500, 1)) * scale
    scaled = FeatureScaler.fit(values.astype(np.float32), limit=5.0)(values.astype(np.float32))
    assert scaled.std() == pytest.approx(1, rel=1e-3)


def test_scaler_of_no_steps_changes_nothing():
    scaler = FeatureScaler.fit(np.zeros((0, 3), np.float32), limit=5.0)
    np.testing.assert_array_equal(scaler(np.ones((2, 3), np.float32)), np.ones((2, 3)))


def test_file_is_read_once_and_again_after_a_change(tmp_path, write, content):
    path = write(content)
    assert load_table(path) is load_table(path)
    first = MSADataset(path, "train", modalities=AV).table.labels
    content["train"]["regression_labels"] *= 0.5
    write(content)
    os.utime(path, ns=(1, 1))
    second = MSADataset(path, "train", modalities=AV).table.labels
    np.testing.assert_allclose(second, first * 0.5)


def test_data_root(tmp_path, content):
    write_mmsa(tmp_path / "aligned_50.pkl", content)
    assert len(MSADataset("aligned_50.pkl", "val", data_root=str(tmp_path), modalities=AV)) == 3


def test_prepare_treats_new_input_as_the_data(tmp_path, encoder):
    path = table(tmp_path)
    dataset = MSADataset(
        path, "train", modalities=("text", "audio"), tokenizer=encoder, lower_case=True
    )
    raw = np.load(path)["audio"][2]
    prepared = dataset.prepare("TEXT 2", audio=raw)
    own = dataset[2]
    assert prepared["input_ids"].tolist() == own["input_ids"].tolist()
    np.testing.assert_array_equal(prepared["audio"], own["audio"])
    batch = msa_collate([prepared, dataset.prepare("only text")])
    assert batch["inputs"]["audio_mask"].tolist() == [[True], [False]]
    for bad, message in [
        ({"vision": raw}, "'vision' features cannot be used"),
        ({"audio": raw[:3]}, r"audio must be \(steps, 4\), got \(3,\)"),
        ({"audio": raw * np.nan}, "NaN or inf"),
        ({"audio": np.full((1, 4), 1e39)}, r"audio holds 4 values beyond 3\.4e\+38, .*is 1e\+39"),
    ]:
        with pytest.raises(DataError, match=message):
            dataset.prepare("text", **bad)


def edit(split, key, value):
    def change(content):
        if value is None:
            del content[split][key]
        else:
            content[split][key] = value(content[split][key])

    return change


def _first_beyond(lengths):
    return [*lengths[:2], AUDIO_STEPS + 1, *lengths[3:]]


def _with(index, value):
    def change(array):
        array = array.copy()
        array[index] = value
        return array

    return change


BAD_CONTENT = {
    "lengths beyond": (
        edit("test", "audio_lengths", _first_beyond),
        r"split 'test': 1 lengths of audio \(audio_lengths\).* 15 steps, first 16 of 'test\$_\$2'",
    ),
    "negative length": (edit("test", "audio_lengths", lambda n: [-1, *n[1:]]), "first -1 of"),
    "too few lengths": (edit("test", "audio_lengths", lambda n: n[:-1]), "3 rows, but id has 4"),
    "nan": (edit("train", "audio", _with((1, 0, 2), np.nan)), r"audio holds 1 .* 'train\$_\$1'"),
    "inf": (
        edit("train", "audio", _with((2, 0), -np.inf)),
        r"audio holds 5 .* 'train\$_\$2'.*zero",
    ),
    "label outside": (
        edit("train", "regression_labels", _with(3, 3.5)),
        r"1 labels lie outside label_range=\(-3, 3\), first 3\.5 of 'train\$_\$3'",
    ),
    "label nan": (
        edit("train", "regression_labels", _with(0, np.nan)),
        "1 of the . utterances of this split have no label, first ",
    ),
    "no labels": (edit("train", "regression_labels", None), "regression_labels.*expected a dict"),
    "two-dimensional": (edit("train", "audio", lambda a: a[:, 0]), r"audio must be \(N, T, D\)"),
    "text in numbers": (edit("train", "audio", lambda a: a.astype(str)), "must hold numbers"),
    "widths differ": (edit("test", "audio", lambda a: a[..., :3]), r"differ .* \[3, 5\]"),
    "text_bert shape": (edit("test", "text_bert", lambda t: t[:, 0]), "text_bert must be"),
}


@pytest.mark.parametrize("name", BAD_CONTENT)
def test_bad_content_is_named(write, content, name):
    change, message = BAD_CONTENT[name]
    change(content)
    with pytest.raises(DataError, match=message):
        MSADataset(write(content), "train", modalities=AV)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2, 3], "utterance 0: found a int, expected a list of "),
        ({}, "expected a dict of the splits"),
        ({"train": [1]}, "split 'train': found a list of 1"),
        ({"vision": np.zeros(3)}, "found a ndarray"),
        ({"train": {"labels": 1}}, r"\['labels'\]; expected a dict of the splits"),
    ],
)
def test_another_layout_is_described(write, value, message):
    with pytest.raises(DataError, match=message):
        MSADataset(write(value), "train")


def test_nonfinite_zero(write, content):
    content["train"]["audio"][1, 0] = -np.inf
    path = write(content)
    dataset = MSADataset(path, "train", modalities=AV, nonfinite="zero", normalize=())
    assert not dataset[1]["audio"][0].any()
    scaled = MSADataset(path, "train", modalities=AV, nonfinite="zero")
    assert np.isfinite(scaled.table.sequences["audio"].values).all()


def test_nonfinite_in_an_unused_modality_does_not_matter(write, content):
    content["train"]["audio"][0] = np.nan
    assert len(MSADataset(write(content), "train", modalities=("vision",))) == 6


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"split": "dev2"}, DataError, r"'dev2' is empty .*'test': 4, 'train': 6, 'valid': 3"),
        ({"split_column": "splits"}, ValueError, "split_column.*Did you mean 'split'"),
        ({"feature_dims": {"audio": 74}}, DataError, "audio is 74, but .* has 5 audio features"),
        ({"feature_dims": {"video": 74}}, ValueError, "'video'"),
        ({"modalities": ("text",)}, ConfigError, "set tokenizer"),
        ({"text_features": True, "tokenizer": "x"}, ConfigError, "text_features"),
        ({"nonfinite": "skip"}, ValueError, "nonfinite must be one of 'error', 'zero'"),
        ({"max_steps": {"audio": 0}}, ValueError, "max_steps.audio"),
        ({"data_file": "missing.pkl"}, FileNotFoundError, "data_root.*'missing.pkl'"),
    ],
)
def test_bad_argument_is_named(write, content, arguments, error, message):
    defaults = {"data_file": write(content), "split": "train", "modalities": AV}
    with pytest.raises(error, match=message):
        MSADataset(**{**defaults, **arguments})


def test_modality_that_the_file_lacks(tmp_path):
    with pytest.raises(DataError, match=r"asks for 'vision'.*has only \['text', 'audio'\]"):
        MSADataset(table(tmp_path), "train", modalities=AV)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": None}, "expected 'id', 'label'"),
        ({"split_standard": None}, "expected 'id', 'label', a column 'split"),
        ({"audio": np.zeros((3, 4), np.float32)}, "audio has 3 rows, but id has 8"),
        ({"audio": np.zeros((8, 2, 4), np.float32)}, r"audio must be \(N, D\)"),
        ({"audio": np.full((8, 4), "x")}, "audio must hold numbers"),
        ({"audio": np.array([[None] * 4] * 8)}, "pickled objects, which are not loaded"),
        ({"split_other": np.array(["train"] * 8)}, r"\['split_other', 'split_standard'\]"),
        ({"split_standard": np.array(["test"] * 8)}, "'train' is empty"),
    ],
)
def test_bad_table_is_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        MSADataset(table(tmp_path, **changes), "train", modalities=("audio",))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"normalize": "audio"}, r"normalize must be a list of modalities, such as \['audio'\]"),
        ({"normalize": ("sound",)}, "normalize .*'sound'"),
        ({"normalize": None}, "normalize must be a list"),
        ({"clip_std": 0.0}, "clip_std .*0"),
        ({"clip_std": -1}, "clip_std .*-1"),
        ({"clip_std": float("nan")}, "clip_std .*nan"),
        ({"label_range": (3, -3)}, r"label_range must be two .*\(3, -3\)"),
        ({"label_range": 3}, "label_range must be two .*got 3"),
        ({"label_range": (-3, float("inf"))}, "label_range must be two finite"),
        ({"max_steps": 4}, r"max_steps must be a dict, such as dict\(audio=400\).*got 4"),
        ({"max_steps": {"audio": 0}}, r"max_steps\.audio .*0"),
    ],
)
def test_bad_setting_of_the_data_is_named(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        MSADataset(table(tmp_path), "train", modalities=("audio",), **arguments)


def test_no_bound_on_the_standardized_values(tmp_path):
    audio = np.zeros((8, 4), np.float32)
    audio[7] = 1e4  # an outlier of the test split: far outside the deviation of the training split
    audio[:4] += np.arange(4, dtype=np.float32)[:, None]
    path = table(tmp_path, audio=audio)
    bounded, free = (
        MSADataset(path, "test", modalities=("audio",), clip_std=limit)[1]["audio"].max()
        for limit in (5.0, None)
    )
    assert bounded == 5.0
    assert free > 1000


def test_prepare_cuts_and_mends_as_the_data_were(tmp_path, encoder):
    audio = np.ones((8, 4), np.float32)
    audio[::2] = 3
    dataset = MSADataset(
        table(tmp_path, audio=audio),
        "train",
        modalities=("text", "audio"),
        tokenizer=encoder,
        max_steps={"audio": 2},
        nonfinite="zero",
    )
    raw = np.array([[3.0] * 4, [np.nan, np.inf, -np.inf, 0.0], [1.0] * 4])
    mended = np.array([[3.0] * 4, [0.0] * 4])
    given, expected = (dataset.prepare("text", audio=each)["audio"] for each in (raw, mended))
    np.testing.assert_array_equal(given, expected)


def test_prepare_turns_no_transcript_into_features(write, content):
    dataset = MSADataset(write(content), "train", text_features=True)
    with pytest.raises(DataError, match="into which a transcript cannot be turned"):
        dataset.prepare("text")
    width = dataset.table.sequences["text"].width
    sample = dataset.prepare("text", text_features=np.zeros((3, width)))
    assert sample["text"].shape == (3, width)


def test_statistics_need_a_training_split(tmp_path):
    path = table(tmp_path, split_standard=np.array(["test"] * 8))
    with pytest.raises(DataError, match=r"set normalize=\(\)"):
        MSADataset(path, "test", modalities=("audio",))
    assert len(MSADataset(path, "test", modalities=("audio",), normalize=())) == 8


def test_truncated_table(tmp_path):
    path = table(tmp_path)
    with open(path, "rb") as file:
        whole = file.read()
    for end in np.linspace(0, len(whole) - 1, 25).astype(int):
        with open(path, "wb") as file:
            file.write(whole[:end])
        os.utime(path, ns=(end, end))
        with pytest.raises(DataError, match=r"table\.npz"):
            MSADataset(path, "train", modalities=("audio",))


def test_unknown_format(tmp_path):
    path = tmp_path / "features.txt"
    path.write_text("id,label\n")
    with pytest.raises(DataError, match=r"unknown format.*\.pkl"):
        MSADataset(str(path), "train")


def test_format_is_found_by_content(tmp_path, content):
    path = write_mmsa(tmp_path / "features.bin", content)
    assert len(MSADataset(str(path), "train", modalities=AV)) == 6


@pytest.mark.parametrize(("split", "count"), [("train", 1284), ("val", 229), ("test", 686)])
def test_real_mosi(mosi_file, split, count, encoder):
    dataset = MSADataset(
        mosi_file.name,
        split,
        data_root=str(mosi_file.parent),
        split_column="split_standard",
        modalities=("text", "audio"),
        tokenizer=encoder,
        lower_case=True,
        feature_dims={"audio": 73},
    )
    assert len(dataset) == count
    assert np.abs(dataset.table.sequences["audio"].values).max() <= 5
    assert 3 <= dataset.text_lengths.min() <= dataset.text_lengths.max() < 140


def test_real_mosi_needs_a_split_column(mosi_file):
    with pytest.raises(ConfigError, match=r"\['split_bclstm', 'split_standard'\]"):
        MSADataset(str(mosi_file), "train", modalities=("audio",))


def test_real_misa_file_of_one_split(mosi_file):
    path = str(mosi_file.with_name("misa_dev.pkl"))
    dataset = MSADataset(path, "val", modalities=AV, normalize=(), feature_dims={"audio": 74})
    assert len(dataset) == 229
    with pytest.raises(DataError, match=r"'train' is empty .*set normalize=\(\)"):
        MSADataset(path, "val", modalities=AV)
