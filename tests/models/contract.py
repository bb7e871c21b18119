"""What the tests of every model share: which models there are, small, and what is done to them.

The models are found in the registry: a new one is held to the same promises without a change here.
"""

import inspect
from importlib.util import find_spec
from itertools import chain, combinations

import pytest
import torch
from random_batch import DIMS, TEXT_DIM, architecture, labelled, perturbed, random_inputs

from pgf_plugin.models import (
    MSAClassificationLoss,
    MSAModel,
    MSAMultilabelLoss,
    SelfMM,
    build_module,
)
from pgf_plugin.registry import MODELS

TYPES = sorted(
    name
    for name, component in MODELS.module_dict.items()
    if inspect.isclass(component)
    and issubclass(component, MSAModel)
    and component.__module__.startswith("pgf_plugin.")
)
SMALL = {
    "LMF": {"hidden_features": {"text": 8, "audio": 4, "vision": 6}, "text_features": 5},
    "TFN": {"hidden_features": {"text": 8, "audio": 4, "vision": 6}, "text_features": 5},
    "MISA": {"width": 16, "feedforward_features": 32},
    "MulT": {"width": 8, "num_heads": 2, "num_layers": 2, "num_memory_layers": 2},
}
"""For speed alone; a model that is not here is built with its defaults."""

_LENGTHS = {"text": 8, "audio": 12, "vision": 12}
_MFN = {"hidden_dims": [8, 6, 4], "memsize": 8}
MMSA = {
    "ef_lstm": {"hidden_dims": 16, "num_layers": 2, "dropout": 0.1},
    "graph_mfn": {**_MFN, "inner_node_dim": 8},
    "lf_dnn": {"hidden_dims": [16, 8, 8], "text_out": 8, "post_fusion_dim": 16},
    "mfn": _MFN,
}
"""The modules of MMSA that ``MMSAModel`` builds, small."""

SUBJECTS = {name: {"type": name, **SMALL.get(name, {})} for name in TYPES if name != "MMSAModel"}
SUBJECTS |= {
    f"MMSAModel({name})": {
        "type": "MMSAModel",
        "name": name,
        "settings": settings,
        "seq_lens": _LENGTHS,
    }
    for name, settings in MMSA.items()
}
"""What is held to the contract, by name."""

ONE_SCORE = {"SelfMM"}
"""Models whose method is defined for one score a sample."""

ALL_MODALITIES = {"MMSAModel"}
"""Models that need audio and vision."""

INSIDE_THE_ENCODER = {"MAGBert", "MMA", "PGFNet"}
"""Models that need an encoder with layers."""

TOKENS_ALONE = {"MAGBert"}
"""Models that shift the embeddings of tokens."""

TOKENS = {
    "type": "HFTextEncoder",
    "architecture": architecture(),
    "lora_rank": 2,
    "lora_dropout": 0.0,
    "dropout": 0.0,
    "freeze": True,
}
FEATURES = {"type": "PrecomputedTextEncoder", "in_features": TEXT_DIM}
LAYERED = {
    "type": "FeatureTransformerEncoder",
    "in_features": TEXT_DIM,
    "width": 16,
    "num_layers": 3,
    "num_heads": 2,
    "dropout": 0.0,
}
"""Text features for the models that fuse inside an encoder."""


def subsets(dims):
    """Every subset of the modalities of ``dims``."""
    parts = (combinations(dims.items(), size) for size in range(len(dims) + 1))
    return [dict(part) for part in chain.from_iterable(parts)]


def needs(name):
    """Mark a test of MMSA's modules, which need MMSA."""
    absent = name == "MMSAModel" and find_spec("MMSA") is None
    return [pytest.mark.skipif(absent, reason="MMSA is not installed (extra 'mmsa')")]


def type_of(name):
    return SUBJECTS[name]["type"]


def parametrize(*, texts=False, every_subset=False, names=tuple(SUBJECTS)):
    """Every model, over tokens and over text features, with every subset that it takes."""
    keys = ["name", *["encoder"] * texts, *["feature_dims"] * every_subset]
    cases = []
    for name in names:
        kind = type_of(name)
        encoders = [TOKENS, LAYERED if kind in INSIDE_THE_ENCODER else FEATURES]
        if kind in TOKENS_ALONE:
            encoders = [TOKENS]
        taken = [DIMS] if kind in ALL_MODALITIES else subsets(DIMS)
        for encoder in encoders if texts else [TOKENS]:
            for dims in taken if every_subset else [DIMS]:
                values = [name, *[encoder] * texts, *[dims] * every_subset]
                labels = [name, *[encoder["type"]] * texts, *["+".join(dims)] * every_subset]
                cases.append(pytest.param(*values, id="-".join(labels), marks=needs(kind)))
    return pytest.mark.parametrize(keys, cases)


every_model = parametrize()


def build(name, feature_dims=DIMS, encoder=TOKENS, seed=0, **settings):
    """A model as if trained, so that nothing is hidden behind a projection that starts at zero."""
    return perturbed(untrained(name, feature_dims, encoder, seed, **settings)).eval()


def untrained(name, feature_dims=DIMS, encoder=TOKENS, seed=0, **settings):
    """A model as it is built."""
    torch.manual_seed(seed)
    config = {**SUBJECTS[name], **settings}
    return build_module(config, encoder=encoder, feature_dims=feature_dims)


def batch(*arguments, encoder=TOKENS, **settings):
    return random_inputs(*arguments, tokens=encoder["type"] == "HFTextEncoder", **settings)


def represent(model, inputs):
    """The prediction and what each modality is represented by, side by side, (B, …)."""
    wanted = [key for key in ("modality_features",) if key in model.available_outputs]
    with torch.no_grad():
        output = model(inputs, outputs=wanted)
    features = (output.modality_features or {}).values()
    return torch.cat([output.prediction, *features], dim=-1)


def predict(model, inputs):
    with torch.no_grad():
        return model(inputs).prediction


def labels_for(model, inputs):
    """Data samples with labels that the loss of a model takes, one a row of the batch."""
    samples = labelled(len(inputs["attention_mask"]))
    if isinstance(model.loss, MSAClassificationLoss | MSAMultilabelLoss):
        scores = list(model.head.parameters())[-1].shape[0]
    for row, sample in enumerate(samples):
        if isinstance(model.loss, MSAClassificationLoss):
            sample.label = torch.tensor([float(row % scores)])
        elif isinstance(model.loss, MSAMultilabelLoss):
            sample.label = (torch.arange(scores) == row % scores).float()
    return samples


def train_step(model, inputs):
    model.train().zero_grad()
    losses = model(inputs, labels_for(model, inputs), mode="loss")
    sum(losses.values()).backward()
    return losses


def step_away(model, lr=0.01):
    """Take one step, away from what starts at zero."""
    if isinstance(model, SelfMM):  # a modality whose labels are still the sample's own has no loss
        model.bank.labels[:, 1:] -= 1
    torch.optim.SGD(model.parameters(), lr=lr).step()


def close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def assert_close_in_bfloat16(model, inputs):
    """Mixed precision is near float32, and the task loss stays in float32."""
    plain = represent(model, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = represent(model, inputs).float()
        losses = model(inputs, labels_for(model, inputs), mode="loss")
    assert torch.cosine_similarity(cast, plain).min() > 0.99
    assert all(loss.isfinite() for loss in losses.values())
    assert losses["loss_task"].dtype == torch.float32
