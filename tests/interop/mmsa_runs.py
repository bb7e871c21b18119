"""Feature files as MMSA reads them, and what its own trainers measure on them."""

import pickle
from importlib import import_module

import numpy as np
import torch
from mmsa_reference import DIMS, LENGTHS, mmsa_model, mmsa_settings

from pgf_plugin.evaluation.catalogue import SCALES

SIZES = {"train": 3, "valid": 3, "test": 9}
MODULES = {"self_mm": "multiTask"}


def write_features(path, bert, lengths=LENGTHS["unaligned"], dims=DIMS, bound=3.0):
    """A feature file in MMSA's layout: words of the vocabulary, random features, zero padding."""
    from transformers import BertTokenizer

    random = np.random.default_rng(0)
    tokenizer = BertTokenizer.from_pretrained(bert)
    splits = {}
    for name, count in SIZES.items():
        texts = [
            " ".join(f"word{n}" for n in random.integers(0, 95, size))
            for size in random.integers(1, lengths[0] + 3, count)  # some are cut
        ]
        ids = tokenizer(texts, padding="max_length", truncation=True, max_length=lengths[0])
        tokens = np.array([ids["input_ids"], ids["attention_mask"], ids["token_type_ids"]])
        mask = tokens[1]
        split = {"id": [f"{name}$_${n}" for n in range(count)], "raw_text": np.array(texts)}
        split["text_bert"] = tokens.transpose(1, 0, 2)
        labels = random.uniform(-bound, bound, count).round(1)
        split["regression_labels"] = labels.astype(np.float32)
        for letter in "TAV":
            split[f"regression_labels_{letter}"] = split["regression_labels"]
        split["text"] = random.normal(size=(count, lengths[0], dims[0])) * mask[..., None]
        for key, steps, width in zip(("audio", "vision"), lengths[1:], dims[1:], strict=True):
            real = random.integers(1, steps + 1, count)
            values = random.normal(size=(count, steps, width))
            split[key] = values * (np.arange(steps) < real[:, None])[..., None]
            split[f"{key}_lengths"] = real.tolist()
        split["audio"][0, 0, 0] = -np.inf  # the log of silence
        splits[name] = split
    path.write_bytes(pickle.dumps(splits))
    return path


def write_checkpoint(path, name, bert, **settings):
    """What MMSA saves of a model with random weights; returns the model, too."""
    model = mmsa_model(name, bert, **settings)
    torch.save(model.state_dict(), path)
    return model


def mmsa_metrics(name, model, bert, features, dataset="mosi", **settings):
    """Metrics of MMSA's own trainer on the test split, by their names here."""
    from MMSA.data_loader import MMDataLoader

    args = mmsa_settings(name, bert, dataset, custom_feature=str(features), **settings)
    args |= dict(feature_T="", feature_A="", feature_V="")
    loader = MMDataLoader(args, 0)["test"]
    module = import_module(f"MMSA.trains.{MODULES.get(name, 'singleTask')}")
    found = getattr(module, name.upper())(args).do_test(model, loader, mode="TEST")
    return {info.name: found[info.mmsa] for info in SCALES[dataset]}
