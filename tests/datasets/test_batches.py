"""A batch drawn as columns is the batch of its samples, one by one."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from forked import run_forked
from inspection_tables import sound_table
from mmengine.dataset import pseudo_collate
from mmsa_files import mmsa_content, write_mmsa
from torch.utils.data import DataLoader

from pgf_plugin.datasets import MSADataset, msa_collate
from pgf_plugin.datasets.formats import load_table
from pgf_plugin.datasets.sample_batch import SampleBatch
from pgf_plugin.datasets.scaling import FeatureScaler
from pgf_plugin.datasets.store import open_store, write_store
from pgf_plugin.structures import MSADataSample

INDICES = [3, 0, 5, 3]


@pytest.fixture
def content():
    content = mmsa_content(aligned=False)
    content["train"]["audio"][3, 0, 1] = np.nan
    return content


@pytest.fixture
def paths(tmp_path, content):
    pickled = write_mmsa(tmp_path / "unaligned_50.pkl", content)
    return {
        "store": write_store(load_table(pickled), tmp_path / "store", nonfinite="zero"),
        "pickle": pickled,
    }


SETTINGS = {
    "text features": dict(text_features=True),
    "as they are": dict(text_features=True, normalize=()),
    "cut": dict(text_features=True, max_steps=dict(audio=3, text=4)),
    "audio alone": dict(modalities=["audio"], normalize=()),
}


def dataset(path, **settings):
    return MSADataset(str(path), "train", nonfinite="zero", **settings)


def assert_same_batch(found, expected):
    assert found["inputs"].keys() == expected["inputs"].keys()
    for key, values in expected["inputs"].items():
        assert found["inputs"][key].dtype == values.dtype
        assert torch.equal(found["inputs"][key], values), key
    for mine, other in zip(found["data_samples"], expected["data_samples"], strict=True):
        assert mine.keys() == other.keys()
        assert (mine.sample_id, mine.raw_text) == (other.sample_id, other.raw_text)
        assert torch.equal(mine.label, other.label)
        assert mine.label.dtype == other.label.dtype


@pytest.mark.parametrize("kind", ["store", "pickle"])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_batch_is_that_of_its_samples(paths, kind, name):
    data = dataset(paths[kind], **SETTINGS[name])
    drawn = data.__getitems__(INDICES)
    assert isinstance(drawn, SampleBatch)
    assert_same_batch(msa_collate(drawn), msa_collate([data[index] for index in INDICES]))


@pytest.mark.parametrize("kind", ["store", "pickle"])
def test_features_too_large_to_keep_make_the_same_batch(paths, kind, monkeypatch):
    kept = msa_collate(dataset(paths[kind], text_features=True).__getitems__(INDICES))
    monkeypatch.setattr("pgf_plugin.datasets.prepared.KEPT_BYTES", 0)
    assert_same_batch(
        msa_collate(dataset(paths[kind], text_features=True).__getitems__(INDICES)), kept
    )


def test_a_worker_is_not_sent_what_batches_keep(paths, encoder):
    data = dataset(paths["store"], tokenizer=encoder)
    assert data[0]["input_ids"].size
    size = len(pickle.dumps(data))
    batch = msa_collate(data.__getitems__(INDICES))
    sent = pickle.dumps(data)
    assert len(sent) == size
    assert_same_batch(msa_collate(pickle.loads(sent).__getitems__(INDICES)), batch)


def test_a_batch_of_tokens_is_that_of_its_samples(paths, encoder):
    data = dataset(paths["store"], tokenizer=encoder)
    for settings in ({}, dict(pad_to=dict(text=4), truncate=True), dict(pad_to_multiple_of=8)):
        found = msa_collate(data.__getitems__(INDICES), **settings)
        assert_same_batch(found, msa_collate([data[index] for index in INDICES], **settings))


def test_to_others_a_batch_is_a_sequence_of_samples(paths):
    data = dataset(paths["store"], text_features=True)
    loader = DataLoader(data, batch_size=4, collate_fn=pseudo_collate)
    ids = [sample_id for batch in loader for sample_id in batch["sample_id"]]
    assert ids == data.table.ids


def test_a_dataset_that_changes_its_samples_is_asked_for_each(paths):
    class Loud(MSADataset):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            return {**sample, "audio": sample["audio"] + 1}

    settings = dict(split="train", modalities=["audio"], nonfinite="zero", normalize=())
    plain, loud = (kind(str(paths["store"]), **settings) for kind in (MSADataset, Loud))
    one, other = (next(iter(DataLoader(d, 2, collate_fn=msa_collate))) for d in (plain, loud))
    mask = one["inputs"]["audio_mask"]
    expected = one["inputs"]["audio"][mask] + 1
    torch.testing.assert_close(other["inputs"]["audio"][mask], expected)


def test_samples_of_a_batch_share_nothing(paths):
    data = dataset(paths["store"], modalities=["audio"])
    first, second, *_ = msa_collate(data.__getitems__(INDICES))["data_samples"]
    first.prediction = torch.ones(1)
    assert "prediction" not in second
    kept = data.labels.copy()
    first.label += 9
    np.testing.assert_array_equal(data.labels, kept)
    assert pickle.loads(pickle.dumps(first)).prediction == 1


def test_data_samples_made_together_are_those_made_one_by_one():
    fields = dict(sample_id=["a", "b"], raw_text=["x", "y"], label=torch.eye(2))
    together = MSADataSample.make_batch(**fields)
    alone = [
        MSADataSample(sample_id=i, raw_text=t, label=label)
        for i, t, label in zip(*fields.values(), strict=True)
    ]
    for mine, other in zip(together, alone, strict=True):
        assert vars(mine).keys() == vars(other).keys()
        assert str(mine).splitlines()[1:-1] == str(other).splitlines()[1:-1]
    assert MSADataSample.make_batch(sample_id=[], raw_text=[]) == []


@pytest.mark.parametrize("width", [0, 1, 5, 768, 40_000])
@pytest.mark.parametrize("steps", [0, 1, 7, 300])
def test_a_batch_is_scaled_as_the_formula_says(width, steps):
    rng = np.random.default_rng(width)
    training = rng.normal(3, 2, (50, width)).astype(np.float32)
    values = rng.normal(3, 20, (steps, width)).astype(np.float32)
    scaler = FeatureScaler.fit(training, 5.0)
    expected = np.clip((values - scaler.mean) / scaler.std, -5, 5)
    np.testing.assert_array_equal(scaler(values), expected)
    for order in "CF":
        scaled = values.copy(order)
        scaler.scale_in_place(scaled)
        np.testing.assert_array_equal(scaled, expected)


def test_a_store_is_opened_without_reading_its_features(tmp_path):
    if not Path("/proc/self/smaps").is_file():
        pytest.skip("what is resident of a file is told by Linux alone")
    folder = write_store(sound_table(0), tmp_path / "store")
    sequences = open_store(folder).sequences["audio"]
    assert _resident(folder / "audio.npy") <= 4096  # the header is checked, no more
    assert np.isfinite(sequences.values).all()
    assert _resident(folder / "audio.npy") >= sequences.values.nbytes


def _resident(path):
    """Bytes of the mapped file ``path`` that are in this process's memory."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    found = 0
    for line in lines:
        if line.endswith(str(path)):
            found += next(int(each.split()[1]) for each in lines if each.startswith("Rss:"))
    return found * 1024


def test_a_store_that_cannot_be_written_leaves_its_tokens_with_the_user(
    paths, encoder, tmp_path, monkeypatch
):
    monkeypatch.setenv("PGF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pgf_plugin.datasets.token_cache._process", {})
    (paths["store"] / "tokens").write_text("in the way, as a read-only folder would be")
    dataset(paths["store"], tokenizer=encoder)
    assert len(list((tmp_path / "cache" / "tokens").glob("*.npz"))) == 1


def test_a_conversion_holds_little_of_its_source(tmp_path):
    """In a process of its own, whose memory is not that of the tests before."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the peak of resident memory is reset on Linux alone")
    rng = np.random.default_rng(0)
    audio = rng.normal(size=(100, 200, 1000)).astype(np.float32)
    split = {
        "id": [f"{row}" for row in range(100)],
        "raw_text": ["text"] * 100,
        "regression_labels": np.zeros(100, np.float32),
        "audio": audio,
        "audio_lengths": [200] * 100,
    }
    others = {name: {key: each[:1] for key, each in split.items()} for name in ("valid", "test")}
    for name, other in others.items():
        other["id"] = [name]
    source = write_mmsa(tmp_path / "unaligned_50.pkl", {"train": split, **others})

    def peak() -> int:
        import pyarrow.parquet  # noqa: F401 - no part of a conversion

        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        write_store(load_table(source), tmp_path / "store")
        print(_status("VmHWM") - before)
        return 0

    status, printed = run_forked(peak)
    assert status == 0, printed
    assert int(printed) * 1024 < 0.6 * source.stat().st_size


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))
