"""Runs that are killed and resumed: they end as the undisturbed run does, bit for bit."""

import random
import resource
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from killed_runs import MAE, KillHook, NoisySynthetic, assert_same, in_child, outcome
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from pgf_plugin.checkpoint_files import find_resumable, is_intact
from pgf_plugin.datasets.collate import msa_collate
from pgf_plugin.errors import ConfigError
from pgf_plugin.hooks.random_state import random_state, set_random_state

pytestmark = pytest.mark.engine

EPOCHS = 5
LAST = f"epoch_{EPOCHS}.pth"
STEPS = 4  # an epoch


def loader(count: int, shuffle: bool, num_workers: int = 0, seed: int = 5) -> DataLoader:
    data = NoisySynthetic(count)
    sampler = DefaultSampler(data, shuffle, seed)
    return DataLoader(data, 3, sampler=sampler, collate_fn=msa_collate, num_workers=num_workers)


def make_runner(folder: Path, *hooks: Hook, **overrides) -> Runner:
    """A run with dropout, noise, momentum, accumulated gradients, a schedule and validation."""
    found = find_resumable(folder)
    config = {
        "model": {
            "type": "TextOnlyNet",
            "encoder": {"type": "PrecomputedTextEncoder", "in_features": 4},
            "pooling": "mean",
            "head": {"type": "MSARegressionHead", "dropout": 0.3},
        },
        "work_dir": str(folder),
        "default_scope": "pgf_plugin",
        "train_dataloader": loader(3 * STEPS, shuffle=True),
        "val_dataloader": loader(6, shuffle=False),
        "val_evaluator": Evaluator(MAE()),
        # Three steps an update and four an epoch: epochs end with gradients in store.
        "optim_wrapper": {"optimizer": {"type": "AdamW", "lr": 0.05}, "accumulative_counts": 3},
        "param_scheduler": {"type": "ReduceOnPlateauLR", "monitor": "MAE", "patience": 1},
        "train_cfg": {"by_epoch": True, "max_epochs": EPOCHS},
        "val_cfg": {},
        "default_hooks": {
            "logger": {"type": "LoggerHook", "interval": 1},
            "checkpoint": {
                "type": "SafeCheckpointHook",
                "interval": 1,
                "max_keep_ckpts": 2,
                "save_best": "MAE",
            },
            "exact_resume": {"type": "ExactResumeHook"},
        },
        "custom_hooks": list(hooks),
        "log_level": "ERROR",
        "randomness": {"seed": 3},
        "load_from": str(found.path) if found.path else None,
        "resume": found.path is not None,
    }
    return Runner(**{**config, **overrides})


def train(folder: Path, *hooks: Hook, **overrides) -> int:
    return in_child(lambda: make_runner(folder, *hooks, **overrides).train())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert train(folder) == 0
    return outcome(folder, LAST)


def test_the_undisturbed_run_is_a_fair_trial(undisturbed, tmp_path):
    """It repeats itself, and what is to be resumed is in it."""
    assert len(undisturbed["resume"][f"epoch_{EPOCHS - 1}.pth"]["gradients"]) > 0
    assert len(undisturbed["scalars"]) == EPOCHS * (STEPS + 1)
    assert train(tmp_path) == 0
    assert_same(outcome(tmp_path, LAST), undisturbed)


@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_anywhere_ends_as_the_undisturbed_one(undisturbed, tmp_path, seed):
    """Killed until three kills have hit; each at a random moment of what is left."""
    drawn = random.Random(seed)
    kills = 0
    while kills < 3:
        status = train(tmp_path, KillHook(drawn.randrange(3 * STEPS * EPOCHS)))
        assert status in (0, -signal.SIGKILL)
        if status == 0:
            break
        kills += 1
        assert all(is_intact(path) for path in tmp_path.glob("*.pth"))
    assert kills > 0
    assert train(tmp_path) == 0
    assert_same(outcome(tmp_path, LAST), undisturbed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("count", range(0, 75))
def test_a_run_killed_at_any_moment_ends_as_the_undisturbed_one(undisturbed, tmp_path, count):
    assert train(tmp_path, KillHook(count)) in (0, -signal.SIGKILL)
    assert train(tmp_path) == 0
    assert_same(outcome(tmp_path, LAST), undisturbed)


def test_without_the_hook_it_would_differ(undisturbed, tmp_path):
    stock = {
        "checkpoint": {"type": "CheckpointHook", "interval": 1},
        "logger": {"type": "LoggerHook"},
    }
    hook = KillHook(30)
    assert train(tmp_path, hook, default_hooks=stock) == -signal.SIGKILL
    assert train(tmp_path, default_hooks=stock) == 0
    weights = torch.load(tmp_path / f"epoch_{EPOCHS}.pth", weights_only=True)["state_dict"]
    expected = undisturbed["state"]["state_dict"]
    assert not all(torch.equal(weights[name], expected[name]) for name in expected)


class KillMidWrite(Hook):
    """Lets the kernel kill the process when it writes byte ``limit`` of the epoch's checkpoint."""

    def __init__(self, epoch: int, limit: int) -> None:
        self.epoch, self.limit = epoch, limit

    def before_save_checkpoint(self, runner, checkpoint) -> None:
        if runner.epoch == self.epoch and "optimizer" in checkpoint:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))


class DiskFull(KillMidWrite):
    """The same, but the write raises ``OSError``, as on a full disk."""

    def before_save_checkpoint(self, runner, checkpoint) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


@pytest.mark.parametrize("limit", [0, 20_000])
def test_a_kill_during_the_save_leaves_the_checkpoint_before(undisturbed, tmp_path, limit):
    assert train(tmp_path, KillMidWrite(3, limit)) == -signal.SIGXFSZ
    (unfinished,) = tmp_path.glob("*.tmp")
    assert unfinished.name == "epoch_3.pth.tmp"
    assert unfinished.stat().st_size == limit
    assert not (tmp_path / "epoch_3.pth").exists()
    assert find_resumable(tmp_path).path == tmp_path / "epoch_2.pth"
    assert train(tmp_path) == 0
    assert not list(tmp_path.glob("*.tmp"))
    assert_same(outcome(tmp_path, LAST), undisturbed)


def test_a_full_disk_leaves_no_half_file(tmp_path):
    assert train(tmp_path, DiskFull(3, 20_000)) == 1
    assert not list(tmp_path.glob("*.tmp"))
    assert not (tmp_path / "epoch_3.pth").exists()
    assert is_intact(tmp_path / "epoch_2.pth")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_truncated_newest_file_falls_back_and_ends_the_same(undisturbed, tmp_path, share):
    assert train(tmp_path, KillHook(50)) == -signal.SIGKILL
    newest = find_resumable(tmp_path).path
    content = newest.read_bytes()
    newest.write_bytes(content[: int(len(content) * share)])
    found = find_resumable(tmp_path)
    assert found.damaged == (newest,)
    assert found.path != newest
    assert train(tmp_path) == 0
    assert_same(outcome(tmp_path, LAST), undisturbed)


def test_early_stopping_waits_on_and_a_stopped_run_stays_stopped(tmp_path):
    stop = {"type": "EarlyStoppingHook", "monitor": "MAE", "rule": "less", "patience": 2}
    # Nothing but the first epoch is ever better by ten.
    stop["min_delta"] = 10.0
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    assert train(whole, dict(stop)) == 0
    names = [path.name for path in whole.glob("epoch_*.pth")]
    assert sorted(names) == ["epoch_2.pth", "epoch_3.pth"]
    # Killed in the third epoch, after one of two bad ones.
    assert train(killed, dict(stop), KillHook(30)) == -signal.SIGKILL
    assert find_resumable(killed).path.name == "epoch_2.pth"
    for _ in range(2):
        assert train(killed, dict(stop)) == 0
        assert_same(outcome(killed, "epoch_3.pth"), outcome(whole, "epoch_3.pth"))
    assert train(killed, {**stop, "patience": 3}) == 0
    assert (killed / "epoch_4.pth").is_file()


def test_the_first_metric_may_choose_the_best(undisturbed, tmp_path):
    hooks = {
        "checkpoint": {
            "type": "SafeCheckpointHook",
            "interval": 1,
            "max_keep_ckpts": 2,
            "save_best": "auto",
        },
        "logger": {"type": "LoggerHook", "interval": 1},
        "exact_resume": {"type": "ExactResumeHook"},
    }
    assert train(tmp_path, KillHook(30), default_hooks=hooks) == -signal.SIGKILL
    assert train(tmp_path, default_hooks=hooks) == 0
    assert outcome(tmp_path, LAST)["files"] == undisturbed["files"]
    assert_same(outcome(tmp_path, LAST)["best"], undisturbed["best"])


@pytest.mark.parametrize("original_stays", [True, False])
def test_a_folder_that_was_copied_or_moved_goes_on_within_itself(
    undisturbed, tmp_path, original_stays
):
    folder, copy = tmp_path / "run", tmp_path / "copy"
    folder.mkdir()
    assert train(folder, KillHook(30)) == -signal.SIGKILL
    shutil.copytree(folder, copy)
    before = {path.name for path in folder.glob("*.pth")}
    if not original_stays:
        shutil.rmtree(folder)
    assert train(copy) == 0
    assert_same(outcome(copy, LAST), undisturbed)
    assert len(list(copy.glob("best_*.pth"))) == 1
    hub = torch.load(copy / LAST, weights_only=True)["message_hub"]
    assert Path(hub["runtime_info"]["best_ckpt"]).parent == copy
    assert {path.name for path in folder.glob("*.pth")} == (before if original_stays else set())


BY_STEP = {
    "train_cfg": {"by_epoch": False, "max_iters": 11, "val_interval": 3},
    "default_hooks": {
        "logger": {"type": "LoggerHook", "interval": 1},
        "checkpoint": {
            "type": "SafeCheckpointHook",
            "by_epoch": False,
            "interval": 2,
            "max_keep_ckpts": 2,
            "save_best": "MAE",
            "rule": "less",
        },
        "exact_resume": {"type": "ExactResumeHook"},
    },
    "log_processor": {"type": "LogProcessor", "by_epoch": False},
}


def test_a_loop_of_steps_resumes_at_any_step(tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)  # mmengine's wait between epochs
    whole = tmp_path / "whole"
    whole.mkdir()
    assert train(whole, **BY_STEP) == 0
    expected = outcome(whole, "iter_11.pth")
    # Killed inside an epoch, at its end, and where a validation delayed the checkpoint.
    for count, newest in ((8, "iter_2.pth"), (14, "iter_4.pth"), (23, "iter_6.pth")):
        folder = tmp_path / str(count)
        folder.mkdir()
        assert train(folder, KillHook(count), **BY_STEP) == -signal.SIGKILL
        assert find_resumable(folder).path.name == newest
        assert train(folder, **BY_STEP) == 0
        assert_same(outcome(folder, "iter_11.pth"), expected)


def test_a_checkpoint_inside_an_epoch_is_refused(tmp_path):
    hooks = {**BY_STEP["default_hooks"]}
    hooks["checkpoint"] = {"type": "SafeCheckpointHook", "by_epoch": False, "interval": 3}
    assert train(tmp_path, KillHook(7), default_hooks=hooks) == -signal.SIGKILL
    assert find_resumable(tmp_path).path.name == "iter_3.pth"
    with pytest.raises(ConfigError, match=r"inside epoch 1, at iteration 3.*by_epoch=True"):
        make_runner(tmp_path, default_hooks=hooks).train()


def test_another_seed_is_refused(tmp_path):
    assert train(tmp_path, KillHook(30)) == -signal.SIGKILL
    other = loader(3 * STEPS, shuffle=True, seed=6)
    with pytest.raises(ConfigError, match=r"the seed 5, this one shuffles with 6.*--seed 5"):
        make_runner(tmp_path, train_dataloader=other).train()


def test_another_setting_is_told(tmp_path):
    assert train(tmp_path, KillHook(30)) == -signal.SIGKILL
    runner = make_runner(
        tmp_path, train_dataloader=loader(3 * STEPS + 9, shuffle=True), log_level="WARNING"
    )
    runner.train()
    log = next(Path(runner.log_dir).glob("*.log")).read_text()
    assert "not bit for bit: batches an epoch 4 -> 7" in log


def test_weights_alone_hold_no_state_and_begin_anew(tmp_path):
    assert train(tmp_path) == 0
    (best,) = tmp_path.glob("best_*.pth")
    assert "pgf_resume" not in torch.load(best, weights_only=True)
    runner = make_runner(
        tmp_path / "tuned",
        load_from=str(tmp_path / f"epoch_{EPOCHS}.pth"),
        resume=False,
        train_cfg={"by_epoch": True, "max_epochs": 1},
    )
    before = random_state()
    runner.load_or_resume()
    assert_same(random_state(), before)
    runner.train()
    assert runner.iter == STEPS


def test_one_checkpoint_is_too_few(tmp_path):
    with pytest.raises(ConfigError, match=r"max_keep_ckpts must be -1 or at least 2, got 1"):
        make_runner(
            tmp_path,
            default_hooks={"checkpoint": {"type": "SafeCheckpointHook", "max_keep_ckpts": 1}},
        )


@pytest.mark.parametrize("gauss", [False, True])
def test_random_states_come_back_through_a_file(tmp_path, gauss):
    def draw():
        return torch.rand(3).tolist(), np.random.normal(size=3).tolist(), random.random()

    if gauss:  # each generator keeps the second of a pair of normal numbers
        np.random.normal()
        random.gauss()
    torch.save(random_state(), tmp_path / "state")
    expected = draw()
    assert draw() != expected
    set_random_state(torch.load(tmp_path / "state", weights_only=True))
    assert draw() == expected


@pytest.mark.gpu
def test_random_states_of_cuda_come_back(tmp_path):
    torch.rand(1, device="cuda")
    torch.save(random_state(), tmp_path / "state")
    expected = torch.rand(3, device="cuda")
    set_random_state(torch.load(tmp_path / "state", weights_only=True, map_location="cuda"))
    assert torch.equal(torch.rand(3, device="cuda"), expected)
