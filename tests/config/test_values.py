"""Refused values of a model config, all of them in one go."""

from pathlib import Path

import pytest

from pgf_plugin.config import check_config, load_config


def problems(**options):
    cfg = load_config(
        "pgf_net/pgf_net_bert-base_mosi.py",
        {key.replace("__", "."): value for key, value in options.items()},
    )
    return {problem.key: problem.message for problem in check_config(cfg)}


def test_every_refused_value_is_reported_with_its_key():
    found = problems(
        model__encoder__lora_rank=-1,
        model__block__adapter__bottleneck=0,
        model__block__cross_attention__num_heads=3,
        model__start_fusion_layer=12,
        model__head__dropout=1.5,
        model__loss__kind="l2",
        model__feature_dims__audio=0,
    )
    assert set(found) == {
        "model.encoder.lora_rank",
        "model.block.adapter.bottleneck",
        "model.block.cross_attention.num_heads",
        "model.start_fusion_layer",
        "model.head.dropout",
        "model.loss.kind",
        "model.feature_dims.audio",
    }
    assert "got -1" in found["model.encoder.lora_rank"]
    assert "12 layers, got 12" in found["model.start_fusion_layer"]
    assert "attention_width=16" in found["model.block.cross_attention.num_heads"]


def test_the_config_itself_is_left_as_it_was():
    cfg = load_config("pgf_net/pgf_net_bert-base_mosi.py", {"model.encoder.lora_rank": 0})
    check_config(cfg)
    assert cfg.model.encoder.lora_rank == 0


@pytest.mark.parametrize("content", [None, "{}", '{"model_type": "gpt2"}', "no json"])
def test_a_folder_without_encoder_is_reported(tmp_path, content):
    folder = tmp_path / "weights"
    if content is not None:
        folder.mkdir()
        Path(folder, "config.json").write_text(content)
    found = problems(model__encoder__pretrained=str(folder))
    message = next(text for key, text in found.items() if key.startswith("model"))
    assert str(folder) in message or "gpt2" in message


def test_a_tokenizer_of_another_encoder_is_reported():
    found = problems(train_dataloader__dataset__tokenizer="roberta-base")
    assert list(found) == ["train_dataloader.dataset.tokenizer"]
    assert "roberta-base" in found["train_dataloader.dataset.tokenizer"]
    assert "--encoder" in found["train_dataloader.dataset.tokenizer"]
