"""The first updates of MulT and MISA against MMSA's own trainers, from the same weights."""

from importlib import import_module

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper
from mmsa_reference import mmsa_inputs, mmsa_model, mmsa_settings, random_batch
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.optim.optimizer import register_optimizer_step_post_hook

from pgf_plugin.config import load_config
from pgf_plugin.errors import ConfigError
from pgf_plugin.interop.mmsa import CONVERSIONS, convert_state_dict
from pgf_plugin.models.build import build_module
from pgf_plugin.structures import MSADataSample

UPDATES = 10
PER_EPOCH = {"mult": 19, "misa": 7}
"""Batches of an epoch: not a multiple of a group, so that the last ones must be dropped."""


FEWER = {"mult": {"nlevels": 1}, "misa": {}}
"""Settings of MMSA's models that leave less to compute: a crossmodal layer where it has four."""


class EnoughError(Exception):
    """Ends the trainer after the last update that is compared."""


def silence(model):
    """Switch every dropout off; both sides would draw other numbers."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        rates = [key for key, value in vars(module).items() if isinstance(value, float)]
        for key in rates:
            if key.endswith("dropout"):
                setattr(module, key, 0.0)


def batches(name):
    found = [random_batch((8, 14, 11), seed) for seed in range(PER_EPOCH[name])]
    if name == "mult":
        for seed, batch in enumerate(found):
            random = torch.Generator().manual_seed(seed)
            batch["text"] = torch.randn(*batch["input_ids"].shape, 768, generator=random)
    return found


def mmsa_updates(name, model, args, monkeypatch):
    """The state dict after each of MMSA's first updates."""
    module = import_module(f"MMSA.trains.singleTask.{name.upper()}")
    if hasattr(module, "ReduceLROnPlateau"):  # MMSA passes what torch no longer takes
        scheduler = lambda *args, verbose, **kwargs: ReduceLROnPlateau(*args, **kwargs)  # noqa: E731
        monkeypatch.setattr(module, "ReduceLROnPlateau", scheduler)
    states = []

    def keep(*_):
        state = {key: value.detach().clone() for key, value in model.state_dict().items()}
        states.append(convert_state_dict(name, state))
        if len(states) == UPDATES:
            raise EnoughError

    def batch_of_mmsa(batch):
        text, audio, vision = mmsa_inputs(batch)
        text = batch.get("text", text)
        return dict(text=text, audio=audio, vision=vision, labels={"M": batch["label"]})

    loader = [batch_of_mmsa(batch) for batch in batches(name)]
    handle = register_optimizer_step_post_hook(keep)
    try:
        with pytest.raises(EnoughError):
            getattr(module, name.upper())(args).do_train(
                model, dict(train=loader, valid=loader[:2], test=loader[:2])
            )
    finally:
        handle.remove()
    return states


def our_updates(name, model, cfg):
    """The state dict after each of the first updates of the shipped schedule."""
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    wrapper.initialize_count_status(model, 0, 10_000)
    states = []
    handle = wrapper.optimizer.register_step_post_hook(
        lambda *_: states.append({k: v.detach().clone() for k, v in model.state_dict().items()})
    )
    while len(states) < UPDATES:
        wrapper.start_epoch()
        for batch in batches(name):
            samples = [MSADataSample(sample_id="", label=row) for row in batch["label"]]
            model.train_step(dict(inputs=batch, data_samples=samples), wrapper)
    handle.remove()
    return states[:UPDATES]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mult", "misa"])
def test_the_first_ten_updates_equal(name, bert, monkeypatch, tmp_path):
    args = mmsa_settings(
        name, bert, model_save_path=str(tmp_path / "best.pth"), KeyEval="Loss", cur_seed=1
    )
    theirs = mmsa_model(name, bert, **FEWER[name])
    cfg = load_config(CONVERSIONS[name].config, encoder=bert)
    if name == "mult":
        cfg.model.num_layers = FEWER[name]["nlevels"]
        # On MOSI, MMSA gives it text features and no encoder.
        cfg.model.encoder = dict(type="PrecomputedTextEncoder", in_features=768)
    ours = build_module(cfg.model).train()
    ours.load_state_dict(convert_state_dict(name, theirs.state_dict()))
    for model in (theirs, ours):
        silence(model)
    start = {key: value.detach().clone() for key, value in ours.state_dict().items()}

    reference = mmsa_updates(name, theirs, args, monkeypatch)
    mine = our_updates(name, ours, cfg)
    rate = cfg.optim_wrapper.optimizer.lr
    for number, (state, expected) in enumerate(zip(mine, reference, strict=True), 1):
        apart = total = 0
        for key, value in expected.items():
            if key.endswith("key.bias"):
                continue
            off = trained_part(key, state[key] - value).abs()
            apart += int((off > 0.25 * rate * number).sum())
            total += off.numel()
        # Adam divides by the gradient's size: a gradient that is rounding alone still makes a
        # whole step, on either side another one. Those are few.
        assert apart <= 0.01 * total, f"update {number}: {apart} of {total}"
    trained = [key for key, value in reference[-1].items() if not torch.equal(value, start[key])]
    assert len(trained) > 0.9 * len(start)


def trained_part(key, values):
    """Leave out the biases of keys: softmax cancels them, so their gradients are rounding alone."""
    if key.endswith(("in_proj.bias", "in_proj_bias")):
        query, _, value = values.chunk(3)
        return torch.cat([query, value])
    return values


def test_gradients_are_summed_and_an_incomplete_group_is_dropped():
    weight = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(weight.weight)
    config = ConfigDict(
        type="MMSAOptimWrapper",
        optimizer=dict(type="SGD", lr=1.0),
        accumulative_counts=2,
        clip_grad=dict(type="value", clip_value=3.0),
    )
    wrapper = build_optim_wrapper(weight, config)
    wrapper.initialize_count_status(weight, 0, 3)
    for gradient in (1.0, 1.5, 2.0):  # the third is the last batch of the run
        wrapper.update_params(gradient * weight.weight.sum())
    assert weight.weight.item() == -2.5
    wrapper.start_epoch()
    for gradient in (5.0, -1.0):  # clipped to 3 before the second is added
        wrapper.update_params(gradient * weight.weight.sum())
    assert weight.weight.item() == -4.5


def test_clipping_by_norm_is_refused():
    config = ConfigDict(
        type="MMSAOptimWrapper",
        optimizer=dict(type="SGD", lr=1.0),
        clip_grad=dict(type="norm", max_norm=1.0),
    )
    with pytest.raises(ConfigError, match=r"clip_grad must be dict\(type='value'"):
        build_optim_wrapper(torch.nn.Linear(1, 1), config)
