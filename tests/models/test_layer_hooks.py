"""The hooks of PGFWrapper: they act in its calls alone, and tell where a block could not act."""

import copy
import gc
import io
import weakref

import pytest
import torch
from random_batch import DIMS, labelled, perturbed, random_inputs, without_gradient
from torch.utils.checkpoint import checkpoint
from wrapped import TEXT, StepNet, build, inputs_for

PLAIN = {"type": "PGFWrapper", "layers": "stack.*", "feature_dims": DIMS, "hidden_size": 6}
CALLS = 32


def loss_of(model, inputs=None):
    inputs = random_inputs() if inputs is None else inputs
    return model(inputs, labelled(4), mode="loss")["loss_task"]


def pickled(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("again", [copy.deepcopy, pickled])
def test_a_copy_has_hooks_and_blocks_of_its_own(again):
    model, inputs = perturbed(build(TEXT)), inputs_for(TEXT)
    loss_of(model, inputs).backward()
    model.eval()
    expected = model(inputs).prediction
    other = again(model)
    assert torch.equal(other(inputs).prediction, expected)
    perturbed(other.blocks)
    assert (other(inputs).prediction - expected).abs().min() > 1e-5
    assert torch.equal(model(inputs).prediction, expected)


def test_a_bank_is_not_kept_after_its_backward_pass():
    model = build(PLAIN, model=StepNet())
    banks = []
    model.bank.register_forward_hook(lambda module, args, bank: banks.append(weakref.ref(bank[0])))
    loss = loss_of(model)
    loss.backward()
    del loss
    gc.collect()
    assert [bank() for bank in banks] == [None]


def test_checkpointing_inside_the_layers_gives_the_same_gradients():
    def gradients(**settings):
        model = perturbed(build(TEXT, lora={"targets": "**.query", "rank": 2}))
        if settings:
            model.model.activation_checkpointing_enable(settings)
        loss_of(model, inputs_for(TEXT)).backward()
        return {name: each.grad for name, each in model.named_parameters() if each.requires_grad}

    if not hasattr(build(TEXT).model, "activation_checkpointing_enable"):
        pytest.skip("transformers checkpoints layers from outside")
    expected = gradients()
    for reentrant in (True, False):
        got = gradients(use_reentrant=reentrant)
        for name, value in expected.items():
            assert torch.equal(got[name], value), name


@pytest.mark.parametrize("freeze", [True, False])
def test_checkpointing_around_the_layers_is_refused(freeze):
    model = StepNet(lambda layer, states: checkpoint(layer, states, use_reentrant=False))
    loss = loss_of(build(PLAIN, model=model, freeze=freeze))
    with pytest.raises(ValueError, match=r"'stack\.1' of StepNet is computed again.*Checkpoint"):
        loss.backward()


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("freeze", [True, False])
def test_checkpointing_around_the_layers_without_gradients_is_refused(freeze):
    net = StepNet(lambda layer, states: checkpoint(layer, states, use_reentrant=True))
    model = build(PLAIN, model=net, freeze=freeze)
    with pytest.raises(ValueError, match=r"'stack\.0' of StepNet runs without gradients"):
        loss_of(model)
    assert model.eval()(random_inputs()).prediction.shape == (4, 1)


def test_the_whole_may_be_checkpointed():
    def gradients(call):
        model = perturbed(build(PLAIN, model=StepNet()))
        call(model).backward()
        return [each.grad for each in model.parameters() if each.requires_grad]

    expected = gradients(loss_of)
    for reentrant in (True, False):
        given = torch.zeros(1, requires_grad=True)
        got = gradients(
            lambda model, given=given, reentrant=reentrant: checkpoint(
                lambda zero: loss_of(model) + zero.sum(), given, use_reentrant=reentrant
            )
        )
        for mine, theirs in zip(got, expected, strict=True):
            assert torch.equal(mine, theirs)


def test_a_second_run_of_the_layers_may_be_without_gradients():
    def twice(layer, states):
        with torch.no_grad():
            target = layer(states)
        return layer(states) + target

    model = perturbed(build(PLAIN, model=StepNet(twice)))
    loss_of(model).backward()
    assert without_gradient(model) == []


def test_a_layer_under_no_grad_is_refused_where_its_block_trains():
    model = build(PLAIN, model=StepNet(torch.no_grad()(lambda layer, states: layer(states))))
    with pytest.raises(ValueError, match=r"under torch\.no_grad\(\)"):
        loss_of(model)
    with torch.no_grad():
        loss_of(model)
    model.blocks.requires_grad_(False)
    loss_of(model)


def test_layers_that_are_never_called_are_named():
    model = build(PLAIN, model=StepNet(), layers=["stack.*", "unused"])
    for _ in range(CALLS - 1):
        loss_of(model)
    with pytest.raises(ValueError, match=r"32 calls in training reached 'unused' of StepNet, so"):
        loss_of(model)
    model.eval()
    assert model(random_inputs()).prediction.shape == (4, 1)


def test_layers_that_are_left_out_at_times_are_not():
    random = torch.Generator().manual_seed(0)

    def drop(layer, states):
        return states if torch.rand((), generator=random) < 0.5 else layer(states)

    model = build(PLAIN, model=StepNet(drop))
    for _ in range(2 * CALLS):
        loss_of(model)
    early = build(PLAIN, model=StepNet(lambda layer, states: states)).eval()
    for _ in range(2 * CALLS):
        early(random_inputs())
