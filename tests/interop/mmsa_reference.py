"""MMSA's own models, with random weights, and the batches that both sides get."""

import json
import os
import warnings
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest
import torch

LENGTHS = {"unaligned": (12, 40, 30), "aligned": (12, 12, 12)}
"""Steps of text, audio and vision that batches are padded to."""

DIMS = (768, 5, 20)
BATCH = 4


def mmsa_settings(name, bert, dataset="mosi", **settings):
    """MMSA's own settings of a model for a data set, over small features."""
    from easydict import EasyDict

    path = files("MMSA").joinpath("config", "config_regression.json")
    config = json.loads(path.read_text(encoding="utf-8"))
    return EasyDict(
        config[name]["commonParams"]
        | config[name]["datasetParams"][dataset]
        | dict(model_name=name, train_mode="regression", num_classes=3, feature_dims=list(DIMS))
        | dict(pretrained=bert, device="cpu", dataset_name=dataset, seq_lens=LENGTHS["unaligned"])
        | dict(train_samples=3)
        | settings
    )


def mmsa_model(name, bert, **settings):
    """MMSA's model inside its wrapper, as its trainer saves it."""
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    from MMSA.models.AMIO import AMIO

    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about how MMSA builds its layers
        return AMIO(mmsa_settings(name, bert, **settings))


def random_batch(lengths, seed=0, batch=BATCH):
    """Zero-padded features and tokens, as MMSA's loader gives them; some samples are full."""
    random = torch.Generator().manual_seed(seed)
    text_steps, audio_steps, vision_steps = lengths
    tokens = torch.randint(2, text_steps + 1, (batch,), generator=random)
    tokens[0] = text_steps
    mask = torch.arange(text_steps) < tokens[:, None]
    ids = torch.randint(5, 100, (batch, text_steps), generator=random) * mask
    found = {"input_ids": ids, "attention_mask": mask.long()}
    for name, steps, width in (("audio", audio_steps, DIMS[1]), ("vision", vision_steps, DIMS[2])):
        real = torch.randint(1, steps + 1, (batch,), generator=random)
        kept = torch.arange(steps) < real[:, None]
        values = torch.randn(batch, steps, width, generator=random) * kept.unsqueeze(-1)
        found |= {name: values, f"{name}_mask": kept}
    found["label"] = torch.empty(batch, 1).uniform_(-3, 3, generator=random)
    return found


def mmsa_inputs(batch):
    """The batch as MMSA's models with a text encoder take it: text, audio, vision."""
    mask = batch["attention_mask"]
    text = torch.stack([batch["input_ids"], mask, torch.zeros_like(mask)], dim=1).float()
    return text, batch["audio"], batch["vision"]


def let_mag_bert_load(monkeypatch, bert):
    """Give MMSA's BERT_MAG what transformers 5 took away, and its BERT in the working directory."""
    module = import_module("MMSA.models.singleTask.BERT_MAG")
    for kind in (module.MAG_BertForSequenceClassification, module.MAG_BertModel):
        monkeypatch.setattr(kind, "all_tied_weights_keys", {}, raising=False)
    masked = torch.finfo(torch.float32).min
    monkeypatch.setattr(
        module.MAG_BertModel,
        "get_extended_attention_mask",
        lambda self, mask, *_: (1 - mask)[:, None, None, :] * masked,
        raising=False,
    )
    monkeypatch.setattr(
        module.MAG_BertModel, "get_head_mask", lambda self, mask, n: [None] * n, raising=False
    )
    monkeypatch.chdir(Path(bert).parent)
