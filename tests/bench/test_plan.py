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


def test_what_is_replaced_is_replaced_in_every_trial(tmp_path):
    def sgd(lr):
        return dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=lr))

    text = "text_only/text_only_minilm_synthetic"
    bench = dict(
        models={
            "A": dict(config=text, optim_wrapper=dict(sgd(0.1), _delete_=True)),
            "B": dict(config=text, train_cfg=dict(max_epochs=1)),
        },
        datasets={"one": "mosi_mmsa_aligned", "two": "mosi_mmsa_unaligned"},
        settings={"plain": {}, "sgd": {"optim_wrapper": dict(sgd(0.2), _delete_=True)}},
        seeds=[0],
    )
    config = Config(dict(bench=bench))
    trials = plan_trials(config, tmp_path)
    got = {(t.model, t.setting, t.dataset): t.config.optim_wrapper for t in trials}
    for dataset in ("one", "two"):
        assert got["A", "plain", dataset] == sgd(0.1)
        assert got["A", "sgd", dataset] == got["B", "sgd", dataset] == sgd(0.2)
    again = plan_trials(config, tmp_path)
    assert [t.fingerprint for t in again] == [t.fingerprint for t in trials]


@pytest.mark.parametrize("kind", ["sweep", "settings"])
def test_a_variable_of_the_config_changes_nothing_and_is_refused(tmp_path, kind):
    models = {"A": "text_only/text_only_minilm_synthetic"}
    value = {"encoder": ["a", "b"]} if kind == "sweep" else {"a": {"encoder": "a"}}
    config = Config(dict(bench=dict(models=models, seeds=[0], **{kind: value})))
    with pytest.raises(ConfigError, match="'encoder' is a variable of the config"):
        plan_trials(config, tmp_path)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("work_dir", "each trial has its own"),
        ("randomness.seed", "set bench.seeds"),
        ("default_hooks.checkpoint.out_dir", "in its own folder"),
        ("bench", "one by one"),
    ],
)
def test_what_a_bench_sets_for_each_trial_is_refused(tmp_path, key, told):
    models = {"A": "text_only/text_only_minilm_synthetic"}
    swept = Config(dict(bench=dict(models=models, seeds=[0], sweep={key: [0, 1]})))
    with pytest.raises(ConfigError, match=told):
        plan_trials(swept, tmp_path)
    config = Config(dict(bench=dict(models=models, seeds=[0])))
    with pytest.raises(ConfigError, match=f"--cfg-options {key}: .*{told}"):
        plan_trials(config, tmp_path, cfg_options={key: 5})


def test_checkpoints_of_a_models_own_config_stay_in_the_folders_of_its_trials(tmp_path):
    text = "text_only/text_only_minilm_synthetic"
    entry = dict(config=text, default_hooks=dict(checkpoint=dict(out_dir="elsewhere")))
    with pytest.raises(ConfigError, match=r"A.*\n.*checkpoint\.out_dir: .*got 'elsewhere'"):
        plan_trials(Config(dict(bench=dict(models={"A": entry}, seeds=[0]))), tmp_path)


def test_what_the_runner_reads_from_its_config_can_be_swept(tmp_path):
    models = {"A": "text_only/text_only_minilm_synthetic"}
    config = Config(dict(bench=dict(models=models, seeds=[0], sweep={"compile": [False, True]})))
    assert [t.config.compile for t in plan_trials(config, tmp_path)] == [False, True]


def test_models_that_leave_out_the_row_of_the_reference_are_refused(tmp_path):
    text = "text_only/text_only_minilm_synthetic"
    bench = dict(
        models={"A": text, "B": "pgf_net/pgf_net_minilm_synthetic"},
        sweep={"optim_wrapper.optimizer.lr": [0.1, 0.2]},
        seeds=[0],
        reference="A (lr=0.1)",
    )
    with pytest.raises(ConfigError, match=r"--models leaves out 'A \(lr=0\.1\)'"):
        plan_trials(Config(dict(bench=bench)), tmp_path, models=["B"])
    assert plan_trials(Config(dict(bench=bench)), tmp_path, models=["A"])


def test_long_names_have_folders_of_their_own(tmp_path):
    text = "text_only/text_only_minilm_synthetic"
    transforms = [dict(type="GaussianNoise", snr_db=float(number)) for number in range(12)]
    key = "test_dataloader.dataset.transforms"
    sweep = {key: [transforms, transforms[::-1]]}
    config = Config(dict(bench=dict(models={"A": text}, sweep=sweep, seeds=[0])))
    folders = [trial.folder for trial in plan_trials(config, tmp_path)]
    assert len(set(folders)) == 2
    for folder in folders:
        folder.mkdir(parents=True)


def test_each_dataset_brings_its_own_encoder(tmp_path):
    encoder = dict(type="HFTextEncoder", lora_rank=2)
    model = dict(type="PGFNet", encoder=encoder, feature_dims=dict(audio=5, vision=20))
    data = dict(config="mosi_mmsa_aligned")
    datasets = {name: dict(data, encoder=name) for name in ("a/english", "b/chinese")}
    bench = dict(models={"A": dict(model=model)}, datasets=datasets, seeds=[0])
    trials = plan_trials(Config(dict(bench=bench)), tmp_path)
    assert [t.config.model.encoder.pretrained for t in trials] == list(datasets)


@pytest.mark.parametrize(
    ("root", "config", "error"),
    [
        ("absent", "mosi_mmsa_aligned", FileNotFoundError),
        (".", "text_only/text_only_minilm_synthetic", ConfigError),
    ],
)
def test_a_data_root_of_an_entry_is_named_as_such(tmp_path, root, config, error):
    entry = dict(config=config, data_root=str(tmp_path / root))
    models = {"A": "text_only/text_only_minilm_synthetic"}
    bench = dict(models=models, datasets={"D": entry}, seeds=[0])
    with pytest.raises(error, match=r"bench\.datasets: data_root"):
        plan_trials(Config(dict(bench=bench)), tmp_path)


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
