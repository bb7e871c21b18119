"""What a bench plans: which trials are the same, and where its options reach."""

import os

import pytest
from mmengine.config import Config

import pgf_plugin.bench.fingerprint
from pgf_plugin.bench import plan_trials
from pgf_plugin.config import load_config
from pgf_plugin.errors import ConfigError

MODEL = dict(model=dict(type="TextOnlyNet", encoder=dict(type="PrecomputedTextEncoder")))


def bench_of(**datasets):
    """A bench of one model for each dataset."""
    models = {
        name: dict(MODEL, train_dataloader=dict(batch_size=1, dataset=dataset))
        for name, dataset in datasets.items()
    }
    return Config(dict(bench=dict(models=models, seeds=[0])))


def fingerprints(config, folder, **options):
    return [trial.fingerprint for trial in plan_trials(config, folder, **options)]


@pytest.mark.parametrize("argument", ["data_file", "ann_file", None])
def test_changed_data_are_another_trial(tmp_path, argument):
    file = tmp_path / "data" / "features.npz"
    file.parent.mkdir()
    dataset = dict(type="MSADataset", data_root=str(file.parent))
    if argument:
        dataset[argument] = file.name
    config = bench_of(A=dataset)
    absent = fingerprints(config, tmp_path / "out")
    file.write_bytes(b"one")
    first = fingerprints(config, tmp_path / "out")
    assert first != absent
    assert fingerprints(config, tmp_path / "out") == first
    file.write_bytes(b"three")
    assert fingerprints(config, tmp_path / "out") not in (absent, first)


def test_data_copied_to_the_same_place_are_the_same_trial(tmp_path):
    file = tmp_path / "features.npz"
    config = bench_of(A=dict(type="MSADataset", data_root=str(tmp_path), data_file=file.name))
    file.write_bytes(b"one")
    os.utime(file, ns=(1, 1))
    first = fingerprints(config, tmp_path / "out")
    file.unlink()
    file.write_bytes(b"one")
    assert fingerprints(config, tmp_path / "out") == first


def test_another_version_is_another_trial(tmp_path, monkeypatch):
    config = bench_of(A=dict(type="SyntheticMSADataset", split="train"))
    first = fingerprints(config, tmp_path)
    monkeypatch.setattr(pgf_plugin.bench.fingerprint, "__version__", "99.0")
    assert fingerprints(config, tmp_path) != first


def test_the_data_root_reaches_the_trials_that_take_one(tmp_path):
    config = bench_of(
        A=dict(type="SyntheticMSADataset", split="train"),
        B=dict(type="MSADataset", data_file="x.npz", split="train"),
    )
    first, second = plan_trials(config, tmp_path, data_root=tmp_path)
    assert "data_root" not in first.config.train_dataloader.dataset
    assert second.config.train_dataloader.dataset.data_root == str(tmp_path)


def test_a_data_root_that_no_trial_takes_is_refused(tmp_path):
    config = load_config("bench/quickstart")
    with pytest.raises(ConfigError) as raised:
        plan_trials(config, tmp_path, data_root=tmp_path, models=["MulT"])
    for part in (f"--data-root {tmp_path}", "quickstart.py (MulT)", "Synthetic", "MSADataset"):
        assert part in str(raised.value)


def test_an_encoder_that_no_trial_loads_is_refused(tmp_path):
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text('{"model_type": "bert"}')
    config = bench_of(A=dict(type="SyntheticMSADataset", split="train"))
    with pytest.raises(ConfigError, match=r"--encoder .* \(A\) has an HFTextEncoder"):
        plan_trials(config, tmp_path, encoder=str(encoder))
    config.bench.models["B"] = dict(model=dict(type="MulT", encoder=dict(type="HFTextEncoder")))
    _, trial = plan_trials(config, tmp_path, encoder=str(encoder))
    assert trial.config.model.encoder.pretrained == str(encoder)
