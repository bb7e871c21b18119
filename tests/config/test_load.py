"""What the command line changes in a config."""

import pytest

from pgf_plugin.config import apply_encoder, list_configs, load_config
from pgf_plugin.config.load import dataset_nodes, nodes, type_name
from pgf_plugin.errors import ConfigError, MissingExtraError

SYNTHETIC = "pgf_net/pgf_net_minilm_synthetic"
LAZY = """
from mmengine.dataset import DefaultSampler
from pgf_plugin.datasets.collate import msa_collate
from pgf_plugin.datasets.synthetic import SyntheticMSADataset
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.pgf_net import PGFNet
from mmengine.config import read_base

with read_base():
    from .base import *

model = dict(type=PGFNet, encoder=dict(type=HFTextEncoder, pretrained="some/model"))
train_dataloader = dict(
    batch_size=2,
    dataset=dict(type=SyntheticMSADataset, split="train", tokenizer="some/model"),
    sampler=dict(type=DefaultSampler, shuffle=True),
    collate_fn=dict(type=msa_collate),
)
"""


@pytest.fixture
def encoder(tmp_path):
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    return folder


def encoders(cfg):
    return [node.get("pretrained") for node in nodes(cfg) if type_name(node) == "HFTextEncoder"]


def tokenizers(cfg):
    return [node.get("tokenizer") for node in dataset_nodes(cfg)]


@pytest.mark.parametrize("name", [n for n in list_configs() if not n.startswith("bench/")])
def test_the_encoder_replaces_every_encoder_and_tokenizer(name, encoder):
    if not encoders(load_config(name)):  # over the text features of the file
        with pytest.raises(ConfigError, match="no HFTextEncoder that could load it"):
            load_config(name, encoder=str(encoder))
        return
    cfg = load_config(name, encoder=str(encoder))
    assert encoders(cfg) == [str(encoder)]
    assert tokenizers(cfg) == [str(encoder)] * 3
    assert "architecture" not in cfg.model.encoder


def test_the_variable_stands_in_for_the_option(encoder, monkeypatch):
    monkeypatch.setenv("PGF_ENCODER", str(encoder))
    assert encoders(load_config(SYNTHETIC)) == [str(encoder)]
    monkeypatch.setenv("PGF_ENCODER", "nowhere/at/all")
    assert encoders(load_config(SYNTHETIC, encoder=str(encoder))) == [str(encoder)]


def test_a_relative_folder_is_kept_as_what_it_was(encoder, monkeypatch):
    monkeypatch.chdir(encoder.parent)
    assert encoders(load_config(SYNTHETIC, encoder="encoder")) == [str(encoder)]


def test_an_option_of_the_config_comes_before_the_variable(encoder, monkeypatch):
    monkeypatch.setenv("PGF_ENCODER", str(encoder))
    cfg = load_config(SYNTHETIC, {"model.encoder.pretrained": "some/model"})
    assert encoders(cfg) == ["some/model"]


def test_a_dataset_without_tokens_stays_without(encoder):
    cfg = load_config(SYNTHETIC, {"train_dataloader.dataset.tokenizer": None})
    apply_encoder(cfg, str(encoder))
    assert tokenizers(cfg) == [None, str(encoder), str(encoder)]


def test_a_wrapped_dataset_is_reached(encoder, tmp_path):
    path = tmp_path / "wrapped.py"
    path.write_text(
        "model = dict(type='PGFNet', encoder=dict(type='pgf_plugin.HFTextEncoder'))\n"
        "inner = dict(type='SyntheticMSADataset', split='train', tokenizer='a/b')\n"
        "train_dataloader = dict(dataset=dict(type='RepeatDataset', times=2, dataset=inner))\n"
    )
    cfg = load_config(path, encoder=str(encoder))
    assert cfg.train_dataloader.dataset.dataset.tokenizer == str(encoder)
    assert encoders(cfg) == [str(encoder)]


def test_a_pure_python_config_takes_the_same_options(encoder, tmp_path):
    (tmp_path / "base.py").write_text("randomness = dict(seed=1)\n")
    path = tmp_path / "lazy.py"
    path.write_text(LAZY)
    cfg = load_config(path, {"model.start_fusion_layer": 2}, encoder=str(encoder), seed=7)
    assert cfg.model.start_fusion_layer == 2
    assert cfg.model.type.__name__ == "PGFNet"
    assert encoders(cfg) == [str(encoder)]
    assert tokenizers(cfg) == [str(encoder)]
    assert cfg.randomness.seed == 7


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("./nowhere", FileNotFoundError, "there is no folder"),
        ("package:no_such_package/model", MissingExtraError, "no_such_package"),
    ],
)
def test_an_encoder_that_is_not_there(name, error, message):
    with pytest.raises(error, match=message):
        load_config(SYNTHETIC, encoder=name)


def test_an_encoder_for_a_config_without_one(encoder, tmp_path):
    path = tmp_path / "none.py"
    path.write_text("model = dict(type='MulT', encoder=dict(type='PrecomputedTextEncoder'))\n")
    with pytest.raises(ConfigError, match=r"--encoder .*none\.py has no HFTextEncoder"):
        load_config(path, encoder=str(encoder))


def test_the_data_root_reaches_every_dataset(tmp_path):
    cfg = load_config("pgf_net_bert-base_mosi", data_root=tmp_path)
    assert {node["data_root"] for node in dataset_nodes(cfg)} == {str(tmp_path)}


@pytest.mark.parametrize(
    "kind", ["MSADataset", "pgf_plugin.MSADataset", "pgf_plugin.datasets.msa_dataset.MSADataset"]
)
def test_the_data_root_reaches_a_dataset_that_has_not_named_one(tmp_path, kind):
    path = tmp_path / "plain.py"
    path.write_text(
        "model = dict(type='MulT')\n"
        f"inner = dict(type='{kind}', split='train', data_file='x.npz')\n"
        "train_dataloader = dict(dataset=dict(type='RepeatDataset', times=2, dataset=inner))\n"
    )
    cfg = load_config(path, data_root=tmp_path)
    assert cfg.train_dataloader.dataset.dataset.data_root == str(tmp_path)
    assert "data_root" not in cfg.train_dataloader.dataset


def test_the_data_root_reaches_an_unknown_dataset_that_names_one(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text("train_dataloader = dict(dataset=dict(type='Nowhere', data_root='a'))\n")
    assert load_config(path, data_root=tmp_path).train_dataloader.dataset.data_root == str(tmp_path)


def test_a_data_root_that_fits_nothing(tmp_path):
    with pytest.raises(ConfigError, match=r"--data-root .* no dataset of"):
        load_config(SYNTHETIC, data_root=tmp_path)
    with pytest.raises(FileNotFoundError, match="--data-root nowhere"):
        load_config("pgf_net_bert-base_mosi", data_root="nowhere")


def test_the_work_dir_is_named_after_the_config(tmp_path):
    assert load_config(SYNTHETIC).work_dir == "work_dirs/pgf_net_minilm_synthetic"
    assert load_config(SYNTHETIC, work_dir=tmp_path).work_dir == str(tmp_path)


def test_options_that_fit_nothing_are_told():
    with pytest.raises(ConfigError, match="--cfg-options do not fit"):
        load_config(SYNTHETIC, {"train_cfg.max_epochs.deep": 3})


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("x = 1 / 0", "ZeroDivisionError"),
        ("model = dict(", "SyntaxError"),
        ("_base_ = ['nowhere.py']", r"nowhere\.py"),
        ("custom_imports = dict(imports=['a_missing_plugin'])", "a_missing_plugin"),
    ],
)
def test_a_config_that_raises_is_named_with_its_cause(source, cause, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(ConfigError, match=rf"(?s)broken\.py cannot be read.*{cause}"):
        load_config(path)
