"""``pgf train`` that is killed and resumed, with loader workers that come and go in between."""

import random
import signal

import pytest
import torch
from killed_runs import KillHook, assert_same, in_child, outcome
from test_exact_resume import LAST, STEPS, loader, train

from pgf_plugin.cli import main
from pgf_plugin.hooks import ExactResumeHook

pytestmark = pytest.mark.engine

CONFIG = """
_base_ = "{base}"
custom_hooks = [dict(type="KillHook", count={count})]
log_level = "ERROR"
"""
EPOCHS = 3
SMALL = (
    *("train_dataloader.dataset.num_samples=32", "val_dataloader.dataset.num_samples=8"),
    *("train_dataloader.batch_size=8", f"train_cfg.max_epochs={EPOCHS}"),
    *("model.encoder.lora_rank=2", "model.encoder.lora_dropout=0.2"),
)
WORKERS = [
    {"train": (0, False), "val": (0, False)},
    {"train": (1, False), "val": (1, True)},
    {"train": (2, True), "val": (0, False)},
    {"train": (2, False), "val": (2, True)},
]
"""Number of workers of each loader, and whether they persist."""

MORE_SEEDS = [pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(1, 9)]


@pytest.fixture(scope="module")
def encoder(small_encoder):
    return small_encoder


@pytest.fixture(scope="module")
def command(encoder, tmp_path_factory, pytestconfig):
    """Return a function that runs ``pgf train --resume`` in a process of its own."""
    folder = tmp_path_factory.mktemp("configs")
    base = pytestconfig.rootpath / "configs" / "pgf_net" / "pgf_net_minilm_synthetic.py"

    def run(work_dir, workers, kill_at=10**6):
        work_dir.mkdir(exist_ok=True)
        config = folder / "run.py"
        config.write_text(CONFIG.format(base=base, count=kill_at))
        options = [
            option
            for name, (count, persist) in workers.items()
            for option in (
                f"{name}_dataloader.num_workers={count}",
                f"{name}_dataloader.persistent_workers={persist}",
            )
        ]
        argv = ["train", str(config), "--encoder", str(encoder), "--work-dir", str(work_dir)]

        def work():
            assert main([*argv, "--resume", "--cfg-options", *SMALL, *options]) == 0

        return in_child(work)

    return run


@pytest.fixture(scope="module")
def undisturbed(command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert command(folder, WORKERS[0]) == 0
    return outcome(folder, f"epoch_{EPOCHS}.pth")


@pytest.mark.parametrize("workers", WORKERS[2:], ids=str)
def test_workers_change_no_number(workers, command, undisturbed, tmp_path):
    assert command(tmp_path, workers) == 0
    assert_same(outcome(tmp_path, f"epoch_{EPOCHS}.pth"), undisturbed)


@pytest.mark.parametrize("seed", [0, *MORE_SEEDS])
def test_killed_runs_end_as_the_undisturbed_one(seed, command, undisturbed, tmp_path):
    """Killed at random moments, resumed with other workers each time."""
    drawn = random.Random(seed)
    moments = drawn.sample(range(3, 2 * STEPS * EPOCHS + 5), 3)
    ended = [command(tmp_path, drawn.choice(WORKERS), kill_at=moment) for moment in moments]
    assert -signal.SIGKILL in ended
    assert set(ended) <= {-signal.SIGKILL, 0}
    assert command(tmp_path, drawn.choice(WORKERS[1:])) == 0
    assert_same(outcome(tmp_path, f"epoch_{EPOCHS}.pth"), undisturbed)


@pytest.mark.slow
def test_noise_that_workers_draw_is_resumed(tmp_path):
    """Drawn from the global generators of workers that are new in each epoch."""
    overrides = {"train_dataloader": loader(3 * STEPS, shuffle=True, num_workers=2)}
    for folder in (tmp_path / "whole", tmp_path / "killed"):
        folder.mkdir()
    assert train(tmp_path / "whole", **overrides) == 0
    assert train(tmp_path / "killed", KillHook(18), **overrides) == -signal.SIGKILL
    assert train(tmp_path / "killed", **overrides) == 0
    assert_same(outcome(tmp_path / "killed", LAST), outcome(tmp_path / "whole", LAST))


@pytest.mark.slow
def test_without_the_hook_persistent_workers_would_change_the_numbers(
    command, undisturbed, tmp_path, monkeypatch
):
    monkeypatch.delattr(ExactResumeHook, "before_val_epoch")
    assert command(tmp_path, {"train": (0, False), "val": (1, True)}) == 0
    weights = torch.load(tmp_path / f"epoch_{EPOCHS}.pth", weights_only=True)["state_dict"]
    expected = undisturbed["state"]["state_dict"]
    assert not all(torch.equal(weights[name], expected[name]) for name in expected)
