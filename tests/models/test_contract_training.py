"""What every model promises about training."""

import pytest
import torch
from contract import (
    assert_close_in_bfloat16,
    batch,
    build,
    every_model,
    parametrize,
    step_away,
    train_step,
    untrained,
)
from random_batch import NO_STEPS, labelled, without_gradient

from pgf_plugin.structures import MODALITIES


@parametrize(texts=True, every_subset=True)
def test_every_parameter_that_trains_gets_a_gradient(name, encoder, feature_dims):
    model = untrained(name, feature_dims, encoder)
    inputs = batch(encoder=encoder)
    train_step(model, inputs)
    step_away(model)
    train_step(model, inputs)
    assert without_gradient(model) == []
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    assert all(parameter.grad is None for parameter in frozen)


@pytest.mark.parametrize("steps", [7, 1], ids=["sequence", "single step"])
@every_model
def test_a_batch_of_one_trains(name, steps):
    model = build(name)
    losses = train_step(model, batch({modality: [steps] for modality in MODALITIES}))
    assert all(loss.isfinite() for loss in losses.values())
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


@every_model
def test_training_reduces_the_loss(name):
    model, inputs = untrained(name), batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = train_step(model, inputs)["loss_task"].item()
    for _ in range(30):
        optimizer.step()
        train_step(model, inputs)
    final = model.eval()(inputs, labelled(4), mode="loss")["loss_task"].item()
    assert final < 0.5 * first


@every_model
def test_all_of_a_model_follows_its_mode(name):
    model = build(name)
    assert not any(module.training for module in model.modules())
    assert all(module.training for module in model.train().modules())


@every_model
def test_mixed_precision_is_close_to_float32(name):
    assert_close_in_bfloat16(build(name), batch(NO_STEPS))
