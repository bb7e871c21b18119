"""GateWarmupHook: the floor step by step, its effect, resuming, and errors."""

from pathlib import Path

import pytest
import torch

from pgf_plugin.errors import ConfigError
from pgf_plugin.hooks import GateWarmupHook
from pgf_plugin.model_access import undisturbed
from pgf_plugin.models.fusions.gate import PGFGate


def floors(runner) -> list[float]:
    return [module.floor for module in runner.model.modules() if isinstance(module, PGFGate)]


@pytest.mark.parametrize(
    ("hold", "release", "expected"),
    [
        (2, 0, [1, 1, 0, 0, 0, 0]),
        (1, 3, [1, 0.75, 0.5, 0.25, 0, 0]),
        (0, 1, [0.5, 0, 0, 0, 0, 0]),
        (0, 0, [0, 0, 0, 0, 0, 0]),
    ],
)
def test_floor_of_every_gate_in_every_step(make_runner, recorder, hold, release, expected):
    seen = recorder(floors)
    runner = make_runner(
        {"type": "GateWarmupHook", "hold_iters": hold, "release_iters": release}, seen
    )
    runner.train()
    assert seen.seen == [[floor, floor] for floor in expected]
    assert floors(runner) == [0, 0]


def test_held_model_reads_the_language_alone_until_the_release(make_runner, recorder, batch):
    louder = {**batch["inputs"], "audio": batch["inputs"]["audio"] + 10}

    def listens(runner) -> bool:
        with undisturbed(runner.model):
            usual, other = (runner.model(x).prediction for x in (batch["inputs"], louder))
        return not torch.equal(usual, other)

    seen = recorder(listens, "after_train_iter")
    make_runner({"type": "GateWarmupHook", "hold_iters": 4}, seen).train()
    # The cross-attention starts at zero and hears nothing while held; the first free step moves it.
    assert seen.seen == [False] * 4 + [True] * 2


def test_resumed_run_continues_the_release(make_runner, recorder):
    hook = {"type": "GateWarmupHook", "hold_iters": 2, "release_iters": 3}
    make_runner(hook, train_cfg={"by_epoch": True, "max_epochs": 1}, checkpoint=True).train()
    seen = recorder(floors)
    make_runner(hook, seen, resume=True).train()
    assert [floor for floor, _ in seen.seen] == pytest.approx([0.5, 0.25, 0])


def test_release_after_the_end_is_reported(make_runner):
    runner = make_runner({"type": "GateWarmupHook", "hold_iters": 5, "release_iters": 1})
    runner.train()
    log = next(Path(runner.log_dir).glob("*.log")).read_text()
    assert "hold_iters + release_iters = 6 leaves no free step in a run of 6" in log
    assert floors(runner) == [0, 0]


def test_floor_never_leaves_the_unit_interval():
    hook = GateWarmupHook(hold_iters=10, release_iters=7)
    values = [hook.floor(step) for step in range(40)]
    assert values == sorted(values, reverse=True)
    assert values[9] == 1 > values[10]
    assert values[16] > 0 == values[17]
    assert set(values[17:]) == {0}


def test_model_without_gates_is_named(make_runner, third_party_net):
    runner = make_runner({"type": "GateWarmupHook", "hold_iters": 1}, model=third_party_net)
    with pytest.raises(ConfigError, match="PGFGate modules, but ThirdPartyNet has none"):
        runner.train()


@pytest.mark.parametrize("key", ["hold_iters", "release_iters"])
def test_steps_must_not_be_negative(key):
    with pytest.raises(ValueError, match=rf"GateWarmupHook\.{key} must be .* >= 0, got -1"):
        GateWarmupHook(**{"hold_iters": 1, key: -1})
