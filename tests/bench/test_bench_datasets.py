"""A bench of several data sets: what a model's config becomes on each of them."""

import pytest
from mmengine.config import Config

from pgf_plugin.bench import compose, plan_trials
from pgf_plugin.config import config_root, find_config, load_config
from pgf_plugin.config.load import read_config

MODELS = (
    *("pgf_net", "mult", "misa", "self_mm", "mag_bert", "tfn", "lmf", "mma", "text_only"),
)  # those with a config on the same file of MOSI
DATA = ("train_dataloader", "val_dataloader", "test_dataloader", "val_evaluator", "test_evaluator")


@pytest.mark.parametrize("model", MODELS)
def test_a_model_on_the_data_of_its_own_config_is_unchanged(model):
    name = f"{model}/{model}_bert-base_mosi.py"
    own = read_config(find_config(name))
    placed = compose(Config(), name, "mosi_mmsa_aligned")
    assert {key: placed[key] for key in (*DATA, "model")} == {
        key: own[key] for key in (*DATA, "model")
    }


def test_three_datasets_and_five_models_are_one_config(tmp_path):
    trials = plan_trials(load_config("bench/datasets_mmsa"), tmp_path, seeds=[0])
    by_label = {trial.label: trial.config for trial in trials}
    assert len(by_label) == 15
    sims = by_label["PGF-Net on CH-SIMS"]
    assert sims.model.feature_dims == dict(audio=33, vision=709)
    assert sims.model.encoder.pretrained == "google-bert/bert-base-chinese"
    assert sims.model.encoder.architecture.vocab_size == 21128
    for split in ("train", "val", "test"):
        data = sims[f"{split}_dataloader"].dataset
        assert data.split == split
        assert data.data_file == "SIMS/Processed/unaligned_39.pkl"
        assert data.tokenizer == "google-bert/bert-base-chinese"
    assert sims.test_evaluator.scale == "sims"
    assert sims.train_dataloader.batch_size == 128  # of the model's schedule
    assert by_label["Self-MM on CH-SIMS"].model.label_bound == 1.0
    mosei = by_label["Self-MM on MOSEI"]
    assert mosei.model.feature_dims == dict(audio=74, vision=35)
    assert mosei.model.label_bound == 3.0
    assert mosei.train_dataloader.batch_size == 32
    assert trials[5].folder == tmp_path / "MOSEI" / "PGF-Net" / "seed_0"


def test_a_model_keeps_the_modalities_that_it_has():
    entry = dict(
        config="pgf_net/pgf_net_bert-base_mosi.py",
        model=dict(feature_dims=dict(_delete_=True, vision=20)),
    )
    assert compose(Config(), entry, "mosei_mmsa_aligned").model.feature_dims == dict(vision=35)
    both = compose(Config(), "pgf_net/pgf_net_bert-base_mosi.py", "mosi_utterances")
    assert both.model.feature_dims == dict(audio=73)  # these data have no vision


def test_an_encoder_that_a_model_names_itself_stays_and_so_do_its_data_settings():
    entry = dict(
        config="pgf_net/pgf_net_bert-base_mosi.py",
        model=dict(encoder=dict(pretrained="some/encoder")),
        train_dataloader=dict(batch_size=5, dataset=dict(max_tokens=7)),
    )
    trial = compose(Config(), entry, "sims_mmsa_unaligned")
    assert trial.model.encoder.pretrained == "some/encoder"
    assert trial.test_dataloader.dataset.tokenizer == "some/encoder"
    assert trial.train_dataloader.batch_size == 5
    assert trial.train_dataloader.dataset.max_tokens == 7


def test_what_an_entry_says_of_its_data_wins_over_the_config_that_it_names(tmp_path):
    data = dict(
        config="mosi_mmsa_aligned",
        data_root=str(tmp_path),
        dataset=dict(nonfinite="error"),
        train_dataloader=dict(batch_size=3),
        feature_dims=dict(audio=1, vision=2),
        label_range=(-2.0, 1.0),
    )
    trial = compose(Config(), "tfn/tfn_bert-base_mosi.py", data)
    assert trial.train_dataloader.batch_size == 3
    assert trial.val_dataloader.dataset.data_root == str(tmp_path)
    assert trial.val_dataloader.dataset.nonfinite == "error"
    assert trial.model.feature_dims == dict(audio=1, vision=2)
    assert tuple(trial.model.head.label_range) == (-2.0, 1.0)


def test_text_features_of_the_data_reach_the_model():
    data = dict(config="mosi_mmsa_reference_features", feature_dims=dict(text=300, audio=1))
    trial = compose(Config(), "tfn/tfn_mmsa_mosi_unaligned.py", data)
    assert trial.model.encoder.in_features == 300
    assert trial.model.feature_dims == dict(audio=1)


def test_every_shipped_dataset_can_be_named_alone():
    shipped = sorted((config_root() / "_base_" / "datasets").glob("*.py"))
    assert len(shipped) >= 10
    for path in shipped:
        trial = compose(Config(), "text_only/text_only_bert-base_mosi.py", path.stem)
        data = read_config(path)
        assert trial.test_evaluator == data.test_evaluator
        for key in ("type", "split", "feature_dims"):
            assert trial.test_dataloader.dataset.get(key) == data.test_dataloader.dataset.get(key)
