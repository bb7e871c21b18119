"""TrainableParamsHook: the ledger in the log, and a budget that stops a run in time."""

from pathlib import Path

import pytest

from pgf_plugin.errors import ConfigError
from pgf_plugin.models.peft.ledger import ledger
from pgf_plugin.registry import HOOKS


def test_ledger_is_logged_as_it_was_before_any_freezing(make_runner):
    runner = make_runner(
        {"type": "FreezePolicyHook", "schedule": [{"epoch": 0, "train": ["head"]}]},
        {"type": "TrainableParamsHook"},
    )
    expected = str(ledger(runner.model))
    runner.train()
    assert expected in next(Path(runner.log_dir).glob("*.log")).read_text()


def test_budget_is_inclusive(make_runner):
    runner = make_runner()
    count = sum(p.numel() for p in runner.model.parameters() if p.requires_grad)
    runner.register_hook(HOOKS.build({"type": "TrainableParamsHook", "max_trainable": count}))
    runner.train()
    assert runner.iter == 6


def test_run_over_its_budget_stops_before_the_first_step(make_runner):
    runner = make_runner({"type": "TrainableParamsHook", "max_trainable": 1000})
    counted = ledger(runner.model)
    largest = max(counted.rows, key=lambda row: row.trainable)
    with pytest.raises(ConfigError) as caught:
        runner.train()
    message = str(caught.value)
    assert f"PGFNet has {counted.trainable:,} trainable parameters" in message
    assert "max_trainable=1,000" in message
    assert f"by group: {largest.group} {largest.trainable:,}" in message
    assert runner.iter == 0


def test_counts_a_model_that_claims_no_groups(make_runner, third_party_net):
    runner = make_runner(
        {"type": "TrainableParamsHook", "max_trainable": 20}, model=third_party_net
    )
    with pytest.raises(ConfigError, match="ThirdPartyNet has 21 trainable parameters, 1 over"):
        runner.train()


@pytest.mark.parametrize("budget", [0, -5, 1.5])
def test_budget_must_be_positive(budget):
    with pytest.raises(ValueError, match=r"TrainableParamsHook\.max_trainable .* got"):
        HOOKS.build({"type": "TrainableParamsHook", "max_trainable": budget})
