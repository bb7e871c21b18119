"""The store: what is written is what is read, lazily, whole or not at all."""

import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from inspection_tables import TEST, TRAIN, sound_table
from mmsa_files import mmsa_content, write_mmsa
from torch.utils.data import DataLoader

from pgf_plugin.datasets import MSADataset, msa_collate
from pgf_plugin.datasets.features import RaggedArray
from pgf_plugin.datasets.source import load_data
from pgf_plugin.datasets.store import open_store, verify_store, write_store
from pgf_plugin.errors import DataError


def assert_same_table(read, table):
    assert read.ids == list(table.ids)
    assert read.texts == list(table.texts)
    np.testing.assert_array_equal(read.labels, table.labels)
    assert read.splits.keys() == table.splits.keys()
    for name, column in table.splits.items():
        np.testing.assert_array_equal(read.splits[name], column)
    assert read.extra_labels.keys() == table.extra_labels.keys()
    for name, labels in table.extra_labels.items():
        np.testing.assert_array_equal(read.extra_labels[name], labels)
    assert read.sequences.keys() == table.sequences.keys()
    for name, sequences in table.sequences.items():
        np.testing.assert_array_equal(read.sequences[name].lengths, sequences.lengths)
        for row in range(len(table)):
            np.testing.assert_array_equal(read.sequences[name][row], sequences[row])


@pytest.fixture
def table():
    rng = np.random.default_rng(5)
    plain = sound_table(5)
    extra = {"text": rng.normal(size=(len(plain), 1)).astype(np.float32)}
    splits = {**plain.splits, "split_other": rng.choice(["train", "test"], len(plain))}
    texts = ["Naïve “quotes”,\nand 一 line", *plain.texts[1:]]
    return replace(plain, extra_labels=extra, splits=splits, texts=texts, info={"name": "made"})


@pytest.fixture
def store(table, tmp_path):
    return write_store(table, tmp_path / "store")


@pytest.mark.parametrize("seed", range(5))
def test_what_is_written_is_read(seed, tmp_path):
    rng = np.random.default_rng(seed)
    table = sound_table(seed)
    kept = rng.permutation(len(table))[: rng.integers(1, len(table))]
    table = table.select(kept)
    assert_same_table(open_store(write_store(table, tmp_path / "store")), table)


def test_everything_of_a_table_is_kept(table, store):
    read = open_store(store)
    assert_same_table(read, table)
    assert read.info["name"] == "made"
    assert verify_store(store) == []
    assert sorted(path.name for path in store.parent.iterdir()) == ["store"]


def test_a_sequence_without_steps_and_one_modality_alone(tmp_path):
    table = sound_table()
    audio = table.sequences["audio"].select(np.arange(len(table)))
    lengths = audio.lengths.copy()
    lengths[[0, 7]] = 0
    values = np.zeros((lengths.sum(), audio.width), np.float32)
    table = replace(table, sequences={"audio": RaggedArray.from_lengths(values, lengths)})
    read = open_store(write_store(table, tmp_path / "store"))
    assert_same_table(read, table)
    assert read.sequences["audio"][7].shape == (0, audio.width)


def test_the_same_table_gives_the_same_bytes(table, tmp_path):
    folders = [write_store(table, tmp_path / name) for name in ("one", "two")]
    for path in sorted(folders[0].iterdir()):
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name


def test_statistics_are_those_of_the_training_split(table, store):
    audio = np.concatenate([table.sequences["audio"][row] for row in TRAIN])
    statistics = open_store(store).sequences["audio"].statistics["split"]
    assert statistics.count == len(audio)
    np.testing.assert_allclose(statistics.mean, audio.mean(0, dtype=np.float64), rtol=1e-10)
    np.testing.assert_allclose(statistics.std, audio.std(0, dtype=np.float64), rtol=1e-6)


def batches(dataset, **settings):
    loader = DataLoader(dataset, batch_size=7, collate_fn=msa_collate, **settings)
    return [batch["inputs"]["audio"] for batch in loader]


def dataset(store, split="train", **settings):
    return MSADataset(str(store), split, split_column="split", modalities=["audio"], **settings)


@pytest.mark.parametrize(
    ("method", "workers"), [("fork", 2), pytest.param("spawn", 1, marks=pytest.mark.slow)]
)
def test_workers_read_the_same_without_copies(store, method, workers):
    data = dataset(store)
    assert len(pickle.dumps(data)) < 60_000 + 200 * len(data)  # no features travel
    expected = batches(data)
    found = batches(data, num_workers=workers, multiprocessing_context=method)
    for mine, reference in zip(found, expected, strict=True):
        assert torch.equal(mine, reference)


def test_a_dataset_reads_a_store_as_it_reads_a_file(tmp_path):
    file = write_mmsa(tmp_path / "unaligned_50.pkl", mmsa_content(aligned=False))
    store = write_store(load_data(file), tmp_path / "store")
    settings = dict(split="val", text_features=True, max_steps=dict(audio=6))
    of_file, of_store = (MSADataset(str(path), **settings) for path in (file, store))
    for row in range(len(of_file)):
        for key in ("text", "audio", "vision", "label"):
            np.testing.assert_allclose(of_store[row][key], of_file[row][key], rtol=1e-6, atol=1e-6)


# --- NaN and inf --------------------------------------------------------------------------------


def with_nan(table):
    values = np.array(table.sequences["audio"].values)
    values[3, 1], values[8, 0] = np.nan, np.inf
    return replace(
        table,
        sequences={**table.sequences, "audio": replace(table.sequences["audio"], values=values)},
    )


def test_values_that_are_not_finite_are_refused_zeroed_or_dropped(table, tmp_path):
    table = with_nan(table)
    with pytest.raises(
        DataError, match=r"audio holds 2 values of NaN or inf, first in 'v00\$_\$0'"
    ):
        write_store(table, tmp_path / "store")
    assert not any(tmp_path.iterdir())
    zeroed = open_store(write_store(table, tmp_path / "zero", nonfinite="zero"))
    values = np.concatenate([zeroed.sequences["audio"][row] for row in range(len(table))])
    assert values[3, 1] == 0
    assert np.isfinite(values).all()
    dropped = open_store(write_store(table, tmp_path / "drop", nonfinite="drop"))
    lengths = table.sequences["audio"].lengths
    assert dropped.sequences["audio"].lengths.sum() == lengths.sum() - 2
    np.testing.assert_array_equal(
        dropped.sequences["vision"].lengths, table.sequences["vision"].lengths
    )


def test_a_store_of_a_store_comes_from_the_same_files_and_tells_the_same_treatment(tmp_path):
    content = mmsa_content(aligned=False)
    content["train"]["audio"][0, 0, 0] = np.nan
    files = [write_mmsa(tmp_path / f"{name}.pkl", content) for name in ("features", "audio")]
    table = load_data(files[0], audio_file=files[1])
    first = write_store(table, tmp_path / "first", nonfinite="zero")
    second = write_store(open_store(first), tmp_path / "second")
    documents = [json.loads((store / "store.json").read_text()) for store in (first, second)]
    assert [file["name"] for file in documents[0]["source"]["files"]] == [
        "audio.pkl",
        "features.pkl",
    ]
    for key in ("source", "nonfinite", "modalities", "info"):
        assert documents[0][key] == documents[1][key]
    assert documents[1]["nonfinite"] == "zero"
    assert documents[1]["modalities"]["audio"]["nonfinite"] == 1


def test_half_a_character_does_not_keep_a_text_out(tmp_path):
    table = tmp_path / "table.jsonl"
    row = '{{"text": "so {}", "label": {}, "split": "{}"}}\n'
    splits = ("train", "val", "test")
    halves = (r"\ud83d", r"\ud83d\ude00", "good")
    table.write_text("".join(row.format(h, 1, s) for h, s in zip(halves, splits, strict=True)))
    store = write_store(load_data(table), tmp_path / "store")
    assert open_store(store).texts == ["so \ufffd", "so \U0001f600", "so good"]


def test_repeated_ids_and_empty_texts_are_refused_together(table, tmp_path):
    bad = replace(table, ids=[table.ids[1], *table.ids[1:]], texts=[*table.texts[:-1], ""])
    with pytest.raises(DataError, match=r"v00\$_\$1") as error:
        write_store(bad, tmp_path / "store")
    assert "empty" in str(error.value)


# --- what is damaged ----------------------------------------------------------------------------


def test_a_changed_byte_fails_verification(store):
    path = store / "audio.npy"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    (problem,) = verify_store(store)
    assert "audio.npy" in problem


def test_a_file_cut_or_missing_is_named_when_it_is_opened(store):
    path = store / "vision.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-8])
    with pytest.raises(DataError, match=r"vision\.npy has [\d,]+ bytes instead of"):
        open_store(store)
    path.unlink()
    with pytest.raises(DataError, match=r"the store lacks .*vision\.npy"):
        open_store(store)


def test_a_store_of_a_newer_schema_is_refused_with_both_versions(store):
    document = json.loads((store / "store.json").read_text())
    document["schema_version"] = 7
    (store / "store.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"schema version 7, written by a newer .* up to 1"):
        open_store(store)


def test_an_edited_document_is_refused(store):
    document = json.loads((store / "store.json").read_text())
    document["modalities"]["audio"]["dim"] = 6
    (store / "store.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="was edited or is damaged"):
        open_store(store)


def test_what_exists_is_replaced_on_request_alone(table, store, tmp_path):
    with pytest.raises(FileExistsError, match="replace it with --force"):
        write_store(table, store)
    part = table.select(TEST)
    assert len(open_store(write_store(part, store, force=True))) == len(TEST)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="is no store, so it is not replaced"):
        write_store(table, foreign, force=True)
    assert (foreign / "thesis.tex").read_text() == "years of work"


# --- tokens -------------------------------------------------------------------------------------


@pytest.fixture
def tokenized(monkeypatch):
    """The texts that are tokenized, with nothing left in the process from before."""
    from pgf_plugin.datasets import token_cache

    seen = []
    tokenize = token_cache.tokenize

    def counted(texts, *arguments):
        seen.append(len(texts))
        return tokenize(texts, *arguments)

    monkeypatch.setattr(token_cache, "tokenize", counted)
    monkeypatch.setattr(token_cache, "_process", {})
    return seen


def test_texts_are_tokenized_once_and_kept_in_the_store(
    store, table, encoder, tokenized, monkeypatch
):
    settings = dict(split_column="split", tokenizer=encoder, modalities=["text"])
    first = [MSADataset(str(store), split, **settings) for split in ("train", "val", "test")]
    assert tokenized == [len(table)]
    monkeypatch.setattr("pgf_plugin.datasets.token_cache._process", {})
    again = MSADataset(str(store), "train", **settings)
    assert tokenized == [len(table)]
    for row in range(len(again)):
        np.testing.assert_array_equal(again[row]["input_ids"], first[0][row]["input_ids"])
    (kept,) = (store / "tokens").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    monkeypatch.setattr("pgf_plugin.datasets.token_cache._process", {})
    mended = MSADataset(str(store), "train", **settings)
    assert tokenized == [len(table)] * 2
    np.testing.assert_array_equal(mended[0]["input_ids"], first[0][0]["input_ids"])
    assert verify_store(store) == []


def test_another_cut_or_case_is_another_cache(store, encoder, tokenized):
    settings = dict(split_column="split", tokenizer=encoder, modalities=["text"])
    MSADataset(str(store), "train", **settings)
    MSADataset(str(store), "train", **settings, max_tokens=4)
    MSADataset(str(store), "train", **settings, lower_case=True)
    assert len(tokenized) == 3
    shutil.rmtree(store / "tokens")
