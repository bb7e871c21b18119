"""Autocast to bfloat16, on a CPU and on a GPU, and what a GPU computes against a CPU."""

import math
from copy import deepcopy

import pytest
import torch
from contract import FEATURES, batch, every_model, step_away, train_step, untrained
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from random_batch import labelled, perturbed
from torch import nn

from pgf_plugin.models.fusions.adapter_mixture import AdapterMixture
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


def build(name, **settings):
    """A model as if trained a little, without dropout, in eval mode.

    Weights three times as far from their start, as other tests have them, let rounding to bfloat16
    grow from layer to layer, to 1 or 2 % of the loss.
    """
    return without_dropout(perturbed(untrained(name, **settings), spread=0.1)).eval()


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.0
    return model


def total_loss(model, inputs):
    return sum(model(inputs, labelled(len(inputs["attention_mask"])), mode="loss").values())


@every_model
def test_a_model_that_is_cast_to_bfloat16_runs(name):
    if name.startswith("MMSAModel"):
        pytest.skip("MMSA's own modules compute in float32")
    model, inputs = build(name), batch()
    with torch.no_grad():
        expected = model(inputs).prediction
        cast = {
            key: value.bfloat16() if value.is_floating_point() else value
            for key, value in inputs.items()
        }
        prediction = model.bfloat16()(cast).prediction
    torch.testing.assert_close(prediction.float(), expected, rtol=0.1, atol=0.1)


@every_model
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_a_model_that_is_cast_trains(name, dtype):
    if name.startswith("MMSAModel"):
        pytest.skip("MMSA's own modules compute in float32")
    model = build(name).to(dtype)
    inputs = {k: v.to(dtype) if v.is_floating_point() else v for k, v in batch().items()}
    for _ in range(3):  # some look back at the last time
        losses = train_step(model, inputs)
        step_away(model)
    assert all(loss.isfinite() for loss in losses.values())


@every_model
def test_the_loss_of_bfloat16_is_near_that_of_float32(name):
    model = build(name)
    inputs = batch()
    with torch.no_grad():
        expected = total_loss(deepcopy(model), inputs)
    with torch.autocast("cpu", torch.bfloat16):
        loss = total_loss(model, inputs)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-2)
    loss.backward()
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.count_nonzero() for gradient in gradients)


@pytest.mark.parametrize("kind", ["PGFGate", "PGFScalarGate"])
def test_a_gate_near_1_still_lets_something_in(kind):
    """Between 0.996 and 1 bfloat16 has no number, and the sigmoid's gradient would be zero."""
    gate = MODELS.build(dict(type=kind, hidden_size=8, init_bias=7.0))
    hidden, attended = torch.randn(2, 3, 8), torch.randn(2, 3, 8)
    with torch.autocast("cpu", torch.bfloat16):
        value = gate(hidden, attended)
    torch.testing.assert_close(1 - value, torch.full_like(value, 1 - math.tanh(3.5)) / 2)
    value.sum().backward()
    biases = [each.grad for name, each in gate.named_parameters() if name.endswith("bias")]
    assert biases
    assert all(gradient.all() for gradient in biases)


def test_what_an_adapter_adds_keeps_its_digits():
    mixture = AdapterMixture(16, {"audio": 4}, bottleneck=8)
    for adapter in mixture.adapters.values():
        nn.init.normal_(adapter.up.weight, std=0.02)
    hidden = torch.randn(2, 5, 16)
    features = {"audio": MaskedSequence(torch.randn(2, 7, 4), torch.ones(2, 7, dtype=torch.bool))}
    with torch.no_grad():
        expected = mixture(hidden, features)[0] - hidden
        with torch.autocast("cpu", torch.bfloat16):
            change = mixture(hidden, features)[0] - hidden
    assert (change - expected).norm() / expected.norm() < 0.03


@pytest.mark.gpu
@every_model
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-4), (torch.bfloat16, 2e-2)])
def test_a_gpu_computes_what_a_cpu_does(name, dtype, bound, monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    model = build(name)
    inputs = batch()
    expected = total_loss(model, inputs)
    expected.backward()
    there = deepcopy(model).cuda()
    there.zero_grad()
    moved = {key: value.cuda() for key, value in inputs.items()}
    # cuDNN's LSTMs have no backward in eval mode; without dropout both modes are the same.
    there.train()
    with torch.autocast("cuda", dtype, enabled=dtype is not torch.float32):
        loss = total_loss(there, moved)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=bound)
    ours, theirs = (
        torch.cat([each.grad.flatten().cpu() for each in m.parameters() if each.grad is not None])
        for m in (model, there)
    )
    assert torch.cosine_similarity(theirs, ours, dim=0) > 1 - 10 * bound


@pytest.mark.gpu
@pytest.mark.parametrize("amp", [False, True])
def test_a_training_step_does_not_wait_for_the_gpu(amp):
    """Over text features: in transformers, the encoders ask the GPU whether a batch is padded.

    MISA needs the lengths of its sequences on the host.
    """
    model = build("MulT", encoder=FEATURES).cuda().train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    wrapper = (
        AmpOptimWrapper(dtype="bfloat16", optimizer=optimizer) if amp else OptimWrapper(optimizer)
    )
    inputs = {key: value.cuda() for key, value in batch(encoder=FEATURES).items()}

    def step():
        with wrapper.optim_context(model):
            loss = total_loss(model, inputs)
        wrapper.update_params(loss)

    step()
    step()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
