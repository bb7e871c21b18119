from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmsa_files import mmsa_content, write_mmsa

import pgf_plugin  # noqa: F401

FOLDER = Path(__file__).parents[2] / "configs" / "_base_" / "datasets"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def test_all_are_found():
    assert len(NAMES) >= 16


@pytest.mark.parametrize("name", NAMES)
def test_defines_what_a_leaf_config_needs_and_nothing_else(name):
    config = Config.fromfile(FOLDER / f"{name}.py")
    assert set(config) - {"data_root", "encoder_architecture"} == {
        "encoder", "feature_dims", *LOADERS, "val_evaluator", "test_evaluator",
    }  # fmt: skip
    for loader in LOADERS:
        dataset = config[loader].dataset
        from_file = dataset.get("text_features", False)
        assert dataset.tokenizer == (None if from_file else config.encoder)
        assert dataset.split == loader.removesuffix("_dataloader")


def test_synthetic_loaders(encoder):
    config = Config.fromfile(FOLDER / "synthetic.py")
    sizes = []
    for name in LOADERS:
        config[name].dataset.tokenizer = encoder
        loader = Runner.build_dataloader(config[name], seed=0)
        sizes.append(len(loader.dataset))
        inputs = next(iter(loader))["inputs"]
        assert {k: inputs[k].shape[-1] for k in ("audio", "vision")} == config.feature_dims
    assert sizes == [512, 128, 256]


@pytest.mark.parametrize("kind", ["aligned", "unaligned"])
def test_mmsa_loaders(kind, tmp_path, encoder):
    write_mmsa(tmp_path / f"{kind}_50.pkl", mmsa_content(aligned=kind == "aligned"))
    config = Config.fromfile(FOLDER / f"mosi_mmsa_{kind}.py")
    for name in LOADERS:
        config[name].dataset.update(data_root=str(tmp_path), tokenizer=encoder)
        batch = next(iter(Runner.build_dataloader(config[name], seed=0)))
        assert {"input_ids", "attention_mask", "audio_mask"} <= set(batch["inputs"])


def test_real_mosi_loaders(mosi_file, encoder):
    config = Config.fromfile(FOLDER / "mosi_utterances.py")
    for name in LOADERS:
        config[name].dataset.update(data_root=str(mosi_file.parent), tokenizer=encoder)
        dataset = DATASETS.build(config[name].dataset)
        assert dataset.feature_dims == config.feature_dims
