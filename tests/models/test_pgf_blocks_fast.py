"""The fast ways through the blocks of PGF-Net, against the plain ones."""

import torch
from random_batch import DIMS, architecture, labelled, perturbed, random_inputs

from pgf_plugin.models.build import build_module


def build(**settings):
    torch.manual_seed(0)
    text = {"type": "HFTextEncoder", "architecture": architecture(), "lora_rank": 2, "freeze": True}
    config = {"type": "PGFNet", "encoder": text, "feature_dims": DIMS, **settings}
    return perturbed(build_module(config))


def gradients(model):
    torch.manual_seed(1)  # the same dropout
    model.train()(random_inputs(tokens=True), labelled(4), mode="loss")["loss_task"].backward()
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad}


def test_recomputed_blocks_have_the_same_gradients_with_dropout():
    torch.testing.assert_close(
        gradients(build(recompute=True)), gradients(build()), rtol=1e-6, atol=1e-6
    )


def test_keys_and_values_of_all_layers_at_once_equal_those_of_each(monkeypatch):
    model, inputs = build().eval(), random_inputs(tokens=True)
    fast = model(inputs).prediction
    monkeypatch.setattr(model, "_project", lambda bank: [])
    torch.testing.assert_close(fast, model(inputs).prediction, rtol=1e-5, atol=1e-5)
