"""Encoder folders that would run a program or break their reader: refused by name."""

import json
import os
from pathlib import Path

import pytest
import torch
from hostile_files import BROKEN_WEIGHTS, Call, claiming, saved, source
from transformers import BertConfig, BertModel

from pgf_plugin.datasets import SyntheticMSADataset
from pgf_plugin.models.encoders.hf_text import HFTextEncoder

pytestmark = pytest.mark.engine


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


def refused_as_encoder(folder: Path, told: str | None = None) -> None:
    with pytest.raises((ValueError, OSError), match=told) as caught:
        HFTextEncoder(pretrained=str(folder))
    assert str(folder) in str(caught.value)


@pytest.fixture
def encoder(tmp_path):
    """A folder with a whole encoder."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 32}
    config = BertConfig(vocab_size=40, num_attention_heads=2, **sizes)
    BertModel(config).save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


def with_remote_code(folder: Path, canary: Path, **settings) -> None:
    (folder / "evil.py").write_text(source(str(canary)))
    classes = {name: f"evil.{name}" for name in ("AutoConfig", "AutoModel", "AutoTokenizer")}
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": classes, **settings}))
    tokenizer = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.A", "evil.B"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))


def test_a_program_as_the_weights_of_an_encoder(encoder, canary):
    (encoder / "model.safetensors").unlink()
    path = encoder / "pytorch_model.bin"
    path.write_bytes(saved({"w": Call(os.mkdir, str(canary))}))
    refused_as_encoder(encoder)
    assert not canary.exists()
    torch.load(path, weights_only=False)
    assert canary.exists()


def test_a_program_as_a_part_of_the_weights_of_an_encoder(encoder, canary):
    (encoder / "model.safetensors").unlink()
    (encoder / "part.bin").write_bytes(saved({"w": Call(os.mkdir, str(canary))}))
    index = {"metadata": {}, "weight_map": {"embeddings.word_embeddings.weight": "part.bin"}}
    (encoder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    refused_as_encoder(encoder)
    assert not canary.exists()


@pytest.mark.parametrize("name", [n for n in BROKEN_WEIGHTS if n.endswith("safetensors")])
def test_broken_weights_of_an_encoder(name, encoder):
    (encoder / "model.safetensors").write_bytes(BROKEN_WEIGHTS[name]())
    refused_as_encoder(encoder)


def test_remote_code_of_an_encoder_is_refused_without_a_question(encoder, canary):
    with_remote_code(encoder, canary, model_type="evil")
    refused_as_encoder(encoder)
    with pytest.raises(ValueError, match="custom code") as caught:
        SyntheticMSADataset("train", num_samples=4, tokenizer=str(encoder))
    assert str(encoder) in str(caught.value)
    assert not canary.exists()


def test_remote_code_of_a_known_family_is_not_used(encoder, canary):
    with_remote_code(encoder, canary)
    assert HFTextEncoder(pretrained=str(encoder)).num_layers > 0
    assert not canary.exists()


@pytest.mark.parametrize("weights", ["adapter_model.bin", "adapter_model.safetensors"])
def test_an_adapter_beside_an_encoder_is_not_loaded_into_it(weights, encoder, canary):
    adapter = {"peft_type": "LORA", "r": 2, "target_modules": ["query"]}
    adapter |= {"base_model_name_or_path": str(encoder), "megatron_core": "antigravity"}
    (encoder / "adapter_config.json").write_text(json.dumps(adapter))
    (encoder / weights).write_bytes(saved({"w": Call(os.mkdir, str(canary))}))
    refused_as_encoder(encoder, "brings an adapter of PEFT")
    assert not canary.exists()


def test_weights_of_an_encoder_that_would_fill_the_memory(encoder):
    (encoder / "model.safetensors").unlink()
    bomb = claiming(saved({"w": torch.zeros(1)}), 3 << 30)
    (encoder / "pytorch_model.bin").write_bytes(bomb)
    refused_as_encoder(encoder, "would become 3,221,2")
