"""FreezePolicyHook: what moves when, optimizer state, resuming, and malformed schedules."""

import copy

import pytest
import torch

from pgf_plugin.errors import ConfigError
from pgf_plugin.hooks import FreezePolicyHook
from pgf_plugin.models.peft.ledger import parameter_groups

ADAMW = {"type": "AdamW", "lr": 0.01, "weight_decay": 0.1}
SGD = {"type": "SGD", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}
EVERYTHING = ["lora", "fusion", "adapter", "head"]


def policy(*stages: tuple[int, list[str]]) -> dict:
    schedule = [{"epoch": epoch, "train": train} for epoch, train in stages]
    return {"type": "FreezePolicyHook", "schedule": schedule}


def epochs(count: int) -> dict:
    return {"by_epoch": True, "max_epochs": count}


def weights(runner) -> dict[str, list[torch.Tensor]]:
    return {
        name: [parameter.detach().clone() for parameter in group]
        for name, group in parameter_groups(runner.model).items()
    }


def moved(before: dict, after: dict) -> set[str]:
    return {
        name
        for name, group in before.items()
        if not all(torch.equal(a, b) for a, b in zip(group, after[name], strict=True))
    }


@pytest.mark.parametrize(
    "optim_wrapper",
    [
        {"optimizer": ADAMW},
        {"optimizer": SGD},
        {"optimizer": ADAMW, "paramwise_cfg": {"custom_keys": {"head": {"lr_mult": 0.5}}}},
    ],
    ids=["AdamW", "SGD", "a parameter group each"],
)
def test_exactly_the_scheduled_groups_move(make_runner, recorder, optim_wrapper):
    stages = [["fusion", "head", "adapter"], ["head"], ["lora", "adapter"], EVERYTHING]
    before = recorder(weights, "before_train_epoch")
    after = recorder(weights, "after_train_epoch")
    make_runner(
        policy(*enumerate(stages)), before, after, train_cfg=epochs(4), optim_wrapper=optim_wrapper
    ).train()
    seen = [moved(*pair) for pair in zip(before.seen, after.seen, strict=True)]
    assert seen == [set(stage) for stage in stages]


def test_adam_state_waits_while_frozen_and_continues(make_runner, recorder):
    def fusion_state(runner):
        parameter = parameter_groups(runner.model)["fusion"][-1]
        return copy.deepcopy(runner.optim_wrapper.optimizer.state[parameter])

    seen = recorder(fusion_state, "after_train_epoch")
    hook = policy((0, ["fusion", "head"]), (1, ["head"]), (2, EVERYTHING))
    make_runner(hook, seen, train_cfg=epochs(3), optimizer=ADAMW).train()
    first, frozen, released = seen.seen
    assert [int(state["step"]) for state in seen.seen] == [3, 3, 6]
    assert torch.equal(first["exp_avg"], frozen["exp_avg"])
    assert torch.equal(first["exp_avg_sq"], frozen["exp_avg_sq"])
    assert not torch.equal(frozen["exp_avg"], released["exp_avg"])


def test_schedule_of_everything_changes_nothing(make_runner):
    free = make_runner(optimizer=ADAMW)
    free.train()
    scheduled = make_runner(policy((0, EVERYTHING)), optimizer=ADAMW)
    scheduled.train()
    assert moved(weights(free), weights(scheduled)) == set()


def test_frozen_encoder_stays_frozen_whatever_the_schedule_says(make_runner):
    runner = make_runner(policy((0, ["encoder", "head"])), optimizer=ADAMW)
    before = weights(runner)
    flags = [parameter.requires_grad for parameter in runner.model.parameters()]
    runner.train()
    assert moved(before, weights(runner)) == {"head"}
    assert [parameter.requires_grad for parameter in runner.model.parameters()] == flags


def test_accumulated_gradients_do_not_leak_into_the_next_stage(make_runner, recorder):
    before = recorder(weights, "before_train_epoch")
    after = recorder(weights, "after_train_epoch")
    # Two batches a step and three an epoch: the first epoch ends with a gradient in store.
    make_runner(
        policy((0, EVERYTHING), (1, ["head"])),
        before,
        after,
        optim_wrapper={"optimizer": ADAMW, "accumulative_counts": 2},
    ).train()
    assert moved(before.seen[1], after.seen[1]) == {"head"}


@pytest.mark.parametrize("stop", [1, 2], ids=["at a new stage", "inside a stage"])
def test_resumed_run_equals_an_uninterrupted_one(make_runner, recorder, pgf_net, stop):
    def interrupt(runner):
        runner.train_loop.stop_training = runner.epoch + 1 == stop

    hook = policy((0, ["head"]), (1, ["fusion", "adapter"]), (3, EVERYTHING))
    model = copy.deepcopy(pgf_net)
    model["encoder"] |= {"dropout": 0.0, "lora_dropout": 0.0}
    model["head"] = {"type": "MSARegressionHead", "dropout": 0.0}
    common = {"model": model, "optimizer": ADAMW, "shuffle": False, "train_cfg": epochs(4)}
    whole = make_runner(hook, **common)
    whole.train()
    first = make_runner(hook, recorder(interrupt, "after_train_epoch"), checkpoint=True, **common)
    first.train()
    assert first.iter == 3 * stop
    resumed = make_runner(hook, resume=True, **common)
    resumed.train()
    assert resumed.iter == whole.iter == 12
    assert moved(weights(whole), weights(resumed)) == set()


def test_unknown_group_names_the_nearest(make_runner):
    runner = make_runner(policy((0, ["head", "adaptor"])))
    with pytest.raises(ConfigError, match=r"PGFNet has .*'adaptor'\. Did you mean 'adapter'\?"):
        runner.train()
    assert runner.iter == 0


def test_stage_beyond_the_last_epoch(make_runner):
    runner = make_runner(policy((0, ["head"]), (2, EVERYTHING)))
    with pytest.raises(ConfigError, match=r"max_epochs=2 .*epochs 0 to 1.*\[2\] would never"):
        runner.train()


def test_stage_in_which_nothing_would_train(make_runner):
    runner = make_runner(policy((0, ["head"]), (1, ["encoder"])))
    with pytest.raises(ConfigError, match=r"nothing trains from epoch 1: \['encoder'\]"):
        runner.train()


def test_run_without_epochs(make_runner):
    runner = make_runner(policy((0, ["head"])), train_cfg={"by_epoch": False, "max_iters": 3})
    with pytest.raises(ConfigError, match=r"IterBasedTrainLoop.*by_epoch=True"):
        runner.train()


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ([], r"must be a list of one or more stages, got \[\]"),
        (None, "must be a list of one or more stages, got None"),
        ({"epoch": 0, "train": ["head"]}, "must be a list of one or more stages, got"),
        ([{"epoch": 1, "train": ["head"]}], r"schedule\[0\]\.epoch must be 0, got 1"),
        (
            [{"epoch": 0, "train": ["head"]}, {"epoch": 0, "train": ["lora"]}],
            r"schedule\[1\]\.epoch must be greater than 0.* got 0",
        ),
        ([{"epoch": 0}], r"schedule\[0\] must be dict\(epoch=…, train=\[…\]\)"),
        ([{"epoch": 0, "train": "head"}], r"schedule\[0\]\.train must be a list .* got 'head'"),
        ([{"epoch": 0, "train": []}], r"schedule\[0\]\.train must be a list .* got \[\]"),
        ([{"epoch": -1, "train": ["head"]}], r"schedule\[0\]\.epoch .* got -1"),
        (
            [{"epoch": 0.5, "train": ["head"]}, {"epochs": 1, "train": ["head"]}],
            r"schedule\[0\]\.epoch .* got 0\.5; schedule\[1\] must be dict",
        ),
    ],
)
def test_malformed_schedule(schedule, message):
    with pytest.raises(ConfigError, match=message):
        FreezePolicyHook(schedule)
